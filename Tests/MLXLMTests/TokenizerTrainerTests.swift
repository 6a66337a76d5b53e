import Foundation
import MLXLMCommon
import Testing

@Suite("Training a byte-level vocabulary")
struct TokenizerTrainerTests {
    private struct Fixture: Decodable {
        struct Case: Decodable {
            let vocab_size: Int
            let min_frequency: Int
            let limit_alphabet: Int?
            let tokens: [String]
            let merges: [String]
        }

        let corpus: [String]
        let cases: [Case]
    }

    @Test("Tokens and merges are those of the `tokenizers` trainer")
    func agreesWithTokenizers() throws {
        let fixture = try TokenizerFixtures.load("trainer.json", as: Fixture.self)
        for row in fixture.cases {
            var trainer = BPETrainer(
                vocabularySize: row.vocab_size, minFrequency: row.min_frequency,
                specialTokens: ["<|endoftext|>"], includesAllBytes: row.limit_alphabet == nil,
                limitAlphabet: row.limit_alphabet)
            for text in fixture.corpus { try trainer.add(text) }
            let trained = try trainer.train()
            let tokenizer = try trained.tokenizer()
            let tokens = trained.tokens.indices.compactMap { tokenizer.convertIdToToken($0) }
            #expect(tokens.count == row.tokens.count)
            #expect(tokens == row.tokens)
            let merges = trained.merges.map { pair in
                [pair.left, pair.right].compactMap { tokenizer.convertIdToToken($0) }
                    .joined(separator: " ")
            }
            #expect(merges == row.merges)
        }
    }

    @Test(
        "A saved tokenizer reads back and encodes alike",
        arguments: [
            WordPattern.gpt2, .smollm, .qwen2, .tekken, .custom(#"\w+|\W"#),
        ])
    func savesAndReads(pattern: WordPattern) throws {
        var trainer = BPETrainer(
            vocabularySize: 400, specialTokens: ["<|end|>", "<pad>"], pattern: pattern)
        for line in try TokenizerFixtures.torture().prefix(300) { try trainer.add(line) }
        let trained = try trainer.train()
        let folder = try TokenizerTemporaryFolder()
        try trained.save(to: folder.url.appending(path: "tokenizer.json"))
        let tokenizer = try PreTrainedTokenizer(directory: folder.url)
        let direct = try trained.tokenizer()
        #expect(tokenizer.vocabularySize == 400)
        #expect(tokenizer.convertTokenToId("<pad>") == 1 && tokenizer.isSpecial(1))
        for line in SampleTexts.all + ["<|end|> x"] {
            let ids = tokenizer.encode(text: line)
            #expect(ids == direct.encode(text: line))
            #expect(tokenizer.decode(tokenIds: ids) == line)
        }
    }

    @Test("A vocabulary without room for its special tokens is refused")
    func refusesTooSmall() throws {
        let trainer = BPETrainer(vocabularySize: 1, specialTokens: ["<s>"])
        #expect(throws: TokenizerError.self) { try trainer.train() }
        let broken = BPETrainer(pattern: .custom("(a"))
        var other = broken
        #expect(throws: TokenizerError.self) { try other.add("text") }
    }
}
