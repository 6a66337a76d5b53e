/// A job's text as tokens, with the tokenizer that made them.
package struct TextCorpus: Sendable {
    /// What is trained on.
    package let train: TokenDataset
    /// What evaluations read: the end of the text, or all of it if none is held out.
    package let test: TokenDataset
    /// Whether `test` is not trained on.
    package let heldOut: Bool
    package let tokenizer: TextTokenizer

    /// Loads a job's text; `context` is the length of a sample in tokens.
    package static func load(
        _ source: TextSource, testFraction: Double, context: Int,
        isStopped: @escaping () -> Bool = { false }
    ) throws -> TextCorpus {
        let bytes = try ByteSource(source.path, isStopped: isStopped).rest()
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DataError.notUTF8(source.path, line: Self.line(ofWrongByteIn: bytes))
        }
        let tokenizer = try TextTokenizer(source.tokenizer, texts: [text])
        let all = TokenDataset(tokens: tokenizer.encode(text), context: context)
        return try split(all, source.path, testFraction: testFraction, tokenizer)
    }

    /// Opens a job's files of tokens; `context` is the length of a sample in tokens.
    package static func open(
        _ source: TokenSource, testFraction: Double, context: Int
    ) throws(DataError) -> TextCorpus {
        let tokenizer = TextTokenizer.foreign(vocabularySize: source.vocabularySize)
        let all = try dataset(source, source.paths, context: context)
        guard let testPaths = source.testPaths else {
            return try split(all, source.paths[0], testFraction: testFraction, tokenizer)
        }
        let test = try dataset(source, testPaths, context: context)
        return TextCorpus(train: all, test: test, heldOut: true, tokenizer: tokenizer)
    }

    private static func dataset(
        _ source: TokenSource, _ paths: [String], context: Int
    ) throws(DataError) -> TokenDataset {
        let shards = try TokenShards(source, paths: try TokenSource.files(paths))
        let row = TokenRow.shards(TokenRow.Shards(files: shards, range: 0..<shards.count))
        let dataset = TokenDataset(row, context: context)
        guard dataset.count > 0 else {
            throw .textTooShort(paths[0], tokens: shards.count, context: context)
        }
        return dataset
    }

    private static func split(
        _ all: TokenDataset, _ path: String, testFraction: Double, _ tokenizer: TextTokenizer
    ) throws(DataError) -> TextCorpus {
        guard all.count > 0 else {
            throw .textTooShort(path, tokens: all.tokens.count, context: all.context)
        }
        let (train, test) = all.split(testFraction: testFraction)
        guard train.count > 0 else {
            throw .nothingToTrain(path, samples: all.count, testFraction: testFraction)
        }
        let heldOut = test.count > 0
        return TextCorpus(
            train: train, test: heldOut ? test : train, heldOut: heldOut, tokenizer: tokenizer)
    }

    /// The line, from 1, that holds the first byte that is not UTF-8.
    private static func line(ofWrongByteIn bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var (iterator, line) = (bytes.makeIterator(), 1)
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            if scalar == "\n" { line += 1 }
        }
        return line
    }
}
