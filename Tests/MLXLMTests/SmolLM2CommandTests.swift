import Foundation
import MLXLLM
import MLXLMCommon
import Testing

/// The file that `scripts/fetch-data.sh smollm2` fetches.
enum SmolLM2 {
    static let url: URL = {
        var root = URL(filePath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        return root.appending(path: "data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    }()

    static var isThere: Bool { FileManager.default.fileExists(atPath: url.path) }
}

@Suite(
    "SmolLM2 by mlx-lm",
    .enabled(if: SmolLM2.isThere, "needs the model: run scripts/fetch-data.sh smollm2"),
    .serialized)
struct SmolLM2CommandTests {
    @Test("it answers a question")
    func answer() throws {
        let folder = try TemporaryFolder()
        let command = try LanguageModelCommand(
            [
                "generate", "--model", SmolLM2.url.path, "-m", "16", "-p",
                "What is the capital of France?",
            ], in: folder.url)
        #expect(command.status == 0, "\(command.errors)")
        #expect(command.output.contains("The capital of France is Paris."))
    }

    @Test("as a folder it has the same tokenizer and gives the same text")
    func folder() throws {
        let temporary = try TemporaryFolder()
        let made = try LanguageModelCommand(
            ["convert", "--hf-path", SmolLM2.url.path, "--mlx-path", "smollm2"],
            in: temporary.url)
        #expect(made.status == 0, "\(made.errors)")
        let folder = temporary.url.appending(path: "smollm2")
        let own = try ModelParts(url: folder).makeTokenizer()
        let expected = try ModelParts(url: SmolLM2.url).makeTokenizer()
        for text in [
            "Hello, world! It's 2024: 1,234.5 apples.", "  spaces\n\n and\ttabs ",
            "naïve café 日本語 🙂",
            "<|im_start|>user\nHi<|im_end|>", "def f(x):\n    return x**2 # ok",
        ] {
            #expect(own.encode(text: text) == expected.encode(text: text))
        }
        #expect(own.eosToken == expected.eosToken && own.bosToken == expected.bosToken)
        func text(_ model: String) throws -> String {
            try LanguageModelCommand(
                [
                    "generate", "--model", model, "-m", "20", "-p", "Tell me a story.", "--verbose",
                    "0",
                ],
                in: temporary.url
            ).output
        }
        #expect(try text(folder.path) == text(SmolLM2.url.path))
    }
}
