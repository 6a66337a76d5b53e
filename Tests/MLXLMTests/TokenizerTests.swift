import Foundation
import MLX
import MLXLMCommon
import Testing

@Suite("Tokenizers agree with the packages they come from")
struct TokenizerTests {
    static let names = [
        "gpt2", "roberta", "smollm", "llama3", "qwen2", "qwen35", "tekken", "o200k", "cl100k",
        "deepseek", "llama2", "gemma", "phi3", "unigram", "unigram-bytes", "bert", "bert-cased",
        "word-ends", "word-parts", "added",
    ]

    private static func tokenizer(_ name: String) throws -> PreTrainedTokenizer {
        try PreTrainedTokenizer(
            tokenizerFile: TokenizerFixtures.folder.appending(path: "\(name).json"))
    }

    @Test("Ids and decoded texts of 2,000 lines are those of `tokenizers`", arguments: names)
    func agreesWithTokenizers(name: String) throws {
        let lines = try TokenizerFixtures.torture()
        #expect(lines.count == 2000)
        try ExpectedTokens.load(name).check(Self.tokenizer(name), lines)
    }

    @Test("Without special tokens, too", arguments: names)
    func agreesWithoutSpecialTokens(name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        let digests = Digests(try #require(try ExpectedTokens.load(name).bare))
        var wrong: [String] = []
        for (index, line) in try TokenizerFixtures.torture().enumerated() {
            let ids = tokenizer.encode(text: line, addSpecialTokens: false)
            let text = tokenizer.decode(tokenIds: ids, skipSpecialTokens: true)
            let bytes = TokenizerFixtures.bytes(ids) + Array(text.utf8)
            if TokenizerFixtures.digest(bytes) != digests[index] { wrong.append(line) }
        }
        #expect(wrong.isEmpty, "\(wrong.count) lines differ: \(wrong.prefix(4))")
    }

    @Test("Byte-level texts decode to themselves")
    func decodesToItself() throws {
        for name in ["gpt2", "smollm", "llama3", "tekken"] {
            let tokenizer = try Self.tokenizer(name)
            for line in try TokenizerFixtures.torture() {
                let ids = tokenizer.encode(text: line, addSpecialTokens: false)
                let text = tokenizer.decode(tokenIds: ids)
                #expect(text.utf8.elementsEqual(line.utf8), "\(name): \(line)")
            }
        }
    }

    @Test("Between equally probable spellings the scores' last places decide as in the package")
    func readsScoresToTheBit() throws {
        let folder = try TemporaryFolder()
        // With the numbers that are nearest to these digits the longer token would come first.
        let json = """
            {"added_tokens": [], "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0],
            ["a", -22.858], ["`", -7.041537540810886], ["``", -10.084118208927187]]}}
            """
        try Data(json.utf8).write(to: folder.url.appending(path: "tokenizer.json"))
        let tokenizer = try PreTrainedTokenizer(directory: folder.url)
        #expect(tokenizer.encode(text: "a```") == [1, 2, 3])
    }

    @Test("SentencePiece models", arguments: ["spm-bpe", "spm-unigram", "spm-suffix"])
    func agreesWithSentencePiece(name: String) throws {
        let tokenizer = try PreTrainedTokenizer(
            sentencePiece: TokenizerFixtures.folder.appending(path: "\(name).model"))
        try ExpectedTokens.load(name).check(tokenizer, Self.plainLines(), addsSpecial: false)
    }

    /// The lines without the tokens that SentencePiece itself never finds in a text.
    private static func plainLines() throws -> [String] {
        try TokenizerFixtures.torture().map { line in
            ["<s>", "</s>", "<unk>", "<s>", "</s>", "<unk>"].reduce(line) { line, token in
                // By scalars: a mark behind the token would make it another character.
                line.replacingOccurrences(of: token, with: "", options: .literal)
            }
        }
    }

    @Test("A tiktoken rank file")
    func agreesWithTiktoken() throws {
        let tokenizer = try PreTrainedTokenizer(
            tiktoken: TokenizerFixtures.folder.appending(path: "ranks.tiktoken"),
            pattern: .llama3, specialTokens: ["<s>": 800, "</s>": 801])
        try ExpectedTokens.load("ranks").check(tokenizer, TokenizerFixtures.torture())
    }

    @Test("The SentencePiece tokens of a GGUF file")
    func readsPiecesFromGGUF() throws {
        let expected = try ExpectedTokens.load("spm-bpe")
        let table = try #require(expected.gguf)
        let tokenizer = try PreTrainedTokenizer(gguf: [
            "tokenizer.ggml.model": .string("llama"),
            "tokenizer.ggml.tokens": .array(table.tokens.map { .string($0) }),
            "tokenizer.ggml.scores": .array(table.scores.map { .float32($0) }),
            "tokenizer.ggml.token_type": .array(table.token_type.map { .int32($0) }),
            "tokenizer.ggml.bos_token_id": .uint32(1), "tokenizer.ggml.eos_token_id": .uint32(2),
        ])
        #expect(tokenizer.bosToken == "<s>" && tokenizer.eosTokenId == 2)
        let plain = try PreTrainedTokenizer(
            sentencePiece: TokenizerFixtures.folder.appending(path: "spm-bpe.model"))
        for line in SampleTexts.all {
            let ids = tokenizer.encode(text: line, addSpecialTokens: false)
            #expect(ids == plain.encode(text: line, addSpecialTokens: false), "\(line)")
            #expect(tokenizer.encode(text: line) == [1] + ids)
        }
    }

    @Test("The byte-level tokens of a GGUF file")
    func readsBytesFromGGUF() throws {
        let file = try TokenizerFixtures.load("smollm.json", as: SmallTokenizerFile.self)
        let tokens = file.model.vocab.sorted { $0.value < $1.value }.map(\.key)
        let special = Set(file.added_tokens.map(\.id))
        let tokenizer = try PreTrainedTokenizer(gguf: [
            "tokenizer.ggml.model": .string("gpt2"), "tokenizer.ggml.pre": .string("smollm"),
            "tokenizer.ggml.tokens": .array(tokens.map { .string($0) }),
            "tokenizer.ggml.token_type": .array(
                tokens.indices.map { .int32(special.contains($0) ? 3 : 1) }),
            "tokenizer.ggml.merges": .array(
                file.model.merges.map { .string($0.joined(separator: " ")) }),
            "tokenizer.ggml.bos_token_id": .uint32(1),
            "tokenizer.chat_template": .string("{{ messages[0]['content'] + bos_token }}"),
        ])
        try ExpectedTokens.load("smollm").check(tokenizer, TokenizerFixtures.torture())
        let message: Message = ["role": "user", "content": "Hello"]
        let ids = try tokenizer.applyChatTemplate(messages: [message])
        #expect(tokenizer.decode(tokenIds: ids) == "Hello<|im_start|>")
    }
}

/// The parts of a small `tokenizer.json` that a GGUF file holds as well.
private struct SmallTokenizerFile: Decodable {
    struct Model: Decodable {
        let vocab: [String: Int]
        let merges: [[String]]
    }

    struct Added: Decodable {
        let id: Int
    }

    let model: Model
    let added_tokens: [Added]
}

/// A few lines of several kinds.
enum SampleTexts {
    static let all = [
        "", " ", "Hello world", "  two  spaces  ", "Straße é e\u{301} 한국어 日本語 👍🏽",
        "def f(x):\n    return x + 1\n", "a\tb\r\nc", "नमस्ते <tool> HTTP ▁▁▁ x",
    ]
}
