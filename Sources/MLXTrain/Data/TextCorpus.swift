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
        guard all.count > 0 else {
            throw DataError.textTooShort(
                source.path, tokens: all.tokens.count, context: context)
        }
        let (train, test) = all.split(testFraction: testFraction)
        guard train.count > 0 else {
            throw DataError.nothingToTrain(
                source.path, samples: all.count, testFraction: testFraction)
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
