import Foundation
import MLX
import MLXLMCommon
import Testing

@Suite("Bad tokenizer files are refused with one clear line")
struct TokenizerErrorTests {
    private static func refusal(_ json: String) throws -> String {
        let folder = try TokenizerTemporaryFolder()
        try folder.write(json, to: "tokenizer.json")
        let error = #expect(throws: TokenizerError.self, "\(json)") {
            try PreTrainedTokenizer(directory: folder.url)
        }
        return error?.description ?? ""
    }

    @Test("tokenizer.json")
    func refusesTokenizerJSON() throws {
        let bpe = #""type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}"#
        let cases: [(String, String)] = [
            ("", "tokenizer.json: line 1, column 1: the file ends; expected an object"),
            ("{\"model\": ", "line 1, column 11"),
            ("{}", "it has no \"model\""),
            (#"{"model": {"type": "Foo", "vocab": {}}}"#, "the model type Foo is not known"),
            (#"{"model": {"type": "BPE"}}"#, "the model has no \"vocab\""),
            ("{\"model\": {\(bpe)}}", "the model has no \"merges\""),
            (
                "{\"model\": {\(bpe), \"merges\": [\"a c\"]}}",
                "merge 0 joins \"a\" and \"c\": \"c\" is not in the vocabulary"
            ),
            (
                "{\"model\": {\(bpe), \"merges\": [[\"b\", \"a\"]]}}",
                "\"ba\" is not in the vocabulary"
            ),
            ("{\"model\": {\(bpe), \"merges\": [\"ab\"]}}", "a merge is two tokens"),
            (
                "{\"model\": {\(bpe), \"merges\": [], \"unk_token\": \"x\"}}",
                "the unk_token \"x\" is not in the vocabulary"
            ),
            ("{\"model\": {\(bpe), \"merges\": [], \"dropout\": 0.1}}", "dropout"),
            (
                #"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}"#,
                "the id 0 comes twice"
            ),
            (#"{"model": {"type": "BPE", "vocab": {"a": 5000000000}, "merges": []}}"#, "too large"),
            (
                #"{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}"#,
                "expected a token's id"
            ),
            (
                #"{"model": {"type": "Unigram", "unk_id": 3, "vocab": [["a", -1.5]]}}"#,
                "unk_id is 3, of 1 tokens"
            ),
            (#"{"model": {"type": "WordPiece", "vocab": {"a": 0}}}"#, "[UNK]"),
            (
                "{\"normalizer\": {\"type\": \"Odd\"}, \"model\": {\(bpe), \"merges\": []}}",
                "the normalizer \"Odd\" is not known"
            ),
            (
                "{\"decoder\": {\"type\": \"CTC\"}, \"model\": {\(bpe), \"merges\": []}}",
                "the decoder \"CTC\" is not known"
            ),
            (
                "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a\"}, "
                    + "\"behavior\": \"Isolated\"}, \"model\": {\(bpe), \"merges\": []}}",
                "the pattern (a can't be read: a group without ')'"
            ),
            (
                "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\p{Han}\"}, "
                    + "\"behavior\": \"Isolated\"}, \"model\": {\(bpe), \"merges\": []}}",
                "the property \\p{Han} is not known"
            ),
        ]
        for (json, reason) in cases {
            let text = try Self.refusal(json)
            #expect(text.contains(reason), "\(json): \(text)")
            #expect(!text.contains("\n"))
        }
    }

    @Test("Folders without a tokenizer, and files that aren't there")
    func refusesMissingFiles() throws {
        let folder = try TokenizerTemporaryFolder()
        let error = #expect(throws: TokenizerError.self) {
            try PreTrainedTokenizer(directory: folder.url)
        }
        #expect(error?.description.contains("has no tokenizer: expected tokenizer.json") == true)
        let missing = folder.url.appending(path: "none.json")
        #expect(throws: TokenizerError.self) { try PreTrainedTokenizer(tokenizerFile: missing) }
        #expect(throws: TokenizerError.self) { try PreTrainedTokenizer(sentencePiece: missing) }
    }

    @Test("SentencePiece models, rank files and GGUF metadata")
    func refusesOtherFiles() throws {
        let folder = try TokenizerTemporaryFolder()
        try folder.write("hello, this is no model", to: "m.model")
        #expect(throws: TokenizerError.self) {
            try PreTrainedTokenizer(sentencePiece: folder.url.appending(path: "m.model"))
        }
        try folder.write("YQ== 0\nnonsense\n", to: "r.tiktoken")
        let error = #expect(throws: TokenizerError.self) {
            try PreTrainedTokenizer(
                tiktoken: folder.url.appending(path: "r.tiktoken"), pattern: .llama3)
        }
        #expect(error?.description.contains("line 2") == true)
        let cases: [([String: GGUFValue], String)] = [
            ([:], "tokenizer.ggml.model is missing"),
            (["tokenizer.ggml.model": .string("t5")], "the tokenizer model \"t5\" is not known"),
            (["tokenizer.ggml.model": .string("gpt2")], "tokenizer.ggml.tokens is missing"),
            (
                [
                    "tokenizer.ggml.model": .string("gpt2"), "tokenizer.ggml.tokens": .array([]),
                    "tokenizer.ggml.pre": .string("odd"),
                ], "the pre-tokenizer \"odd\" is not known"
            ),
            (
                ["tokenizer.ggml.model": .string("llama"), "tokenizer.ggml.tokens": .array([])],
                "tokenizer.ggml.scores is missing"
            ),
            (
                [
                    "tokenizer.ggml.model": .string("gpt2"),
                    "tokenizer.ggml.tokens": .array([.string("a")]),
                    "tokenizer.ggml.merges": .array([.string("a b")]),
                ], "is not in the vocabulary"
            ),
            (
                [
                    "tokenizer.ggml.model": .string("gpt2"),
                    "tokenizer.ggml.tokens": .array([.string("a")]),
                    "tokenizer.ggml.merges": .array([]),
                    "tokenizer.ggml.bos_token_id": .uint32(7),
                ], "bos_token_id is 7, of 1 tokens"
            ),
        ]
        for (metadata, reason) in cases {
            let error = #expect(throws: TokenizerError.self) {
                try PreTrainedTokenizer(gguf: metadata)
            }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
    }

    @Test("No damaged file crashes")
    func survivesDamage() throws {
        let folder = try TokenizerTemporaryFolder()
        var state: UInt64 = 11
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: (state >> 33) % UInt64(max(count, 1)))
        }
        let file = folder.url.appending(path: "file")
        for name in [
            "llama3.json", "unigram-bytes.json", "bert.json", "spm-unigram.model",
            "spm-bpe.model", "ranks.tiktoken",
        ] {
            let whole = [UInt8](
                try Data(contentsOf: TokenizerFixtures.folder.appending(path: name)))
            for _ in 0..<60 {
                var bytes = whole
                switch random(3) {
                case 0: bytes.removeLast(random(bytes.count))
                case 1: bytes.removeSubrange(0..<random(min(bytes.count, 200)))
                default: break
                }
                for _ in 0..<random(6) where !bytes.isEmpty {
                    bytes[random(bytes.count)] = UInt8(random(256))
                }
                try Data(bytes).write(to: file)
                do {
                    let tokenizer =
                        name.hasSuffix("json")
                        ? try PreTrainedTokenizer(tokenizerFile: file)
                        : name.hasSuffix("model")
                            ? try PreTrainedTokenizer(sentencePiece: file)
                            : try PreTrainedTokenizer(tiktoken: file, pattern: .gpt2)
                    for line in SampleTexts.all {
                        _ = tokenizer.decode(tokenIds: tokenizer.encode(text: line))
                    }
                } catch {
                    #expect(error is TokenizerError, "\(error)")
                }
            }
        }
    }
}
