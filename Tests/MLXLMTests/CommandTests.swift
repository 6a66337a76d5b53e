import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import TestSupport
import Testing

@Suite("mlx-lm")
struct CommandTests {
    private let temporary: TemporaryFolder
    private let folder: URL

    init() throws {
        temporary = try TemporaryFolder()
        folder = try TinyModel.withTokenizer("llama3", in: temporary)
    }

    private func run(_ arguments: String..., input: String = "") throws -> LanguageModelCommand {
        try LanguageModelCommand(arguments, in: temporary.url, input: input)
    }

    /// Expects an end with one line of complaint that holds the words.
    private func expectRefusal(
        _ command: LanguageModelCommand, _ status: Int32, _ words: String,
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(command.status == status, "\(command.errors)", sourceLocation: location)
        #expect(command.errors.contains(words), "\(command.errors)", sourceLocation: location)
        let lines = command.errors.split(separator: "\n")
        #expect(lines.count == 1, "\(command.errors)", sourceLocation: location)
    }

    @Test("generate gives the same text again, in pieces of the prompt of any size")
    func generate() throws {
        let first = try run("generate", "--model", folder.path, "-p", "hello", "-m", "12")
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output.contains("Prompt: 6 tokens"))
        #expect(first.output.contains("Mode: fast"))
        let text = try run(
            "generate", "--model", folder.path, "-p", "-", "-m", "12", "--verbose", "False",
            "--prefill-step-size", "2", input: "hello")
        #expect(!text.output.isEmpty && first.output.contains(text.output))
        let context = try LLMModelFactory.load(url: folder)
        let prompt = try context.tokenizer.applyChatTemplate(
            messages: [["role": "user", "content": "hello"]])
        let generation = try TextGeneration(
            prompt: prompt, context: context, parameters: GenerateParameters(maxTokens: 12))
        #expect(generation.map(\.text).joined() + "\n" == text.output)
    }

    @Test("several prompts, a draft model, a prompt's cache and packed caches give the same text")
    func ways() throws {
        func text(_ arguments: String..., model: String? = nil) throws -> String {
            let all =
                ["generate", "--model", model ?? folder.path, "-m", "10", "--verbose", "false"]
                + arguments
            let command = try LanguageModelCommand(all, in: temporary.url)
            #expect(command.status == 0, "\(command.errors)")
            return command.output
        }
        let plain = try text("-p", "hello")
        #expect(try text("-p", "hello", "-p", "good day").hasPrefix("==========\n" + plain))
        let draft = TinyModel.folder(of: "llama2").path
        #expect(try text("-p", "hello", "--draft-model", draft) == plain)
        let cached = try run(
            "cache_prompt", "--model", folder.path, "-p", "hel", "--ignore-chat-template",
            "--prompt-cache-file", "hel.safetensors")
        #expect(cached.status == 0, "\(cached.errors)")
        let raw = try text("-p", "hello", "--ignore-chat-template")
        let behind = try text(
            "-p", "lo", "--ignore-chat-template", "--prompt-cache-file", "hel.safetensors")
        #expect(behind == raw)
    }

    @Test("a model is packed, unpacked, joined with an adapter and measured")
    func convert() throws {
        let packed = try run(
            "convert", "--hf-path", folder.path, "--mlx-path", "packed", "-q", "--q-bits", "8",
            "--q-group-size", "32")
        #expect(packed.status == 0, "\(packed.errors)")
        let info = try run("info", "--model", "packed")
        #expect(info.output.contains("8-bit layers, groups of 32"))
        #expect(try run("convert", "--hf-path", "packed", "--mlx-path", "open", "-d").status == 0)
        let generated = try run("generate", "--model", "open", "-p", "hello", "-m", "3")
        #expect(generated.status == 0, "\(generated.errors)")

        let container = try LoRAContainer.from(
            model: try ModelParts(url: folder).makeModel(),
            configuration: LoRAConfiguration(numLayers: 1, loraParameters: .init(rank: 2)))
        try container.save(to: temporary.url.appending(path: "adapters"))
        let fused = try run("fuse", "--model", folder.path)
        #expect(fused.status == 0, "\(fused.errors)")
        try Data("hello, good day. how do you do?\n".utf8)
            .write(to: temporary.url.appending(path: "text.txt"))
        func loss(_ model: String) throws -> String {
            let result = try run("evaluate", "--model", model, "--data-path", "text.txt")
            #expect(result.status == 0, "\(result.errors)")
            return String(result.output.split(separator: "\n").first { $0.hasPrefix("loss") } ?? "")
        }
        #expect(try loss("fused_model") == loss(folder.path))
    }

    @Test("chat answers line by line and keeps to its commands")
    func chat() throws {
        let command = try run(
            "chat", "--model", folder.path, "-m", "4", input: "hello\nr\nhello\nq\n")
        #expect(command.status == 0, "\(command.errors)")
        let answers = command.output.split(separator: ">> ").dropFirst()
        let first = try #require(answers.first)
        #expect(answers.count { $0 == first } == 2)
    }

    @Test("wrong input ends with one line and the status of its kind")
    func faults() throws {
        expectRefusal(
            try run("generate", "--model", "nowhere", "-p", "a"), 66, "nowhere is missing")
        expectRefusal(
            try run("generate", "--model", folder.path, "-p", "a", "--top-p", "2"), 64,
            "top-p must be from 0 to 1")
        let long = String(repeating: "a", count: 80)
        expectRefusal(
            try run("generate", "--model", folder.path, "-p", long), 64,
            "the prompt has 81 tokens, and the model's context is 64")
        let bare = TinyModel.folder(of: "qwen3").path
        expectRefusal(try run("generate", "--model", bare, "-p", "a"), 66, "has no tokenizer")
        expectRefusal(
            try run("convert", "--hf-path", folder.path, "--mlx-path", "."), 73, "is there already")
        try Data("{\"text\": \"ab\"}\n{\"txt\": 1}\n".utf8)
            .write(to: temporary.url.appending(path: "bad.jsonl"))
        expectRefusal(
            try run("evaluate", "--model", folder.path, "--data-path", "bad.jsonl"), 65,
            "bad.jsonl:2: the record has neither text")
        expectRefusal(
            try run("generate", "--model", "data/smollm2/model.gguf", "-p", "a"), 66,
            "run scripts/fetch-data.sh smollm2")
        expectRefusal(
            try run("generate", "--model", "x", "--sead", "1"), 64,
            "'--sead'. Did you mean '--seed'?")
        expectRefusal(try run("genrate", "-p", "a"), 64, "'genrate'; did you mean generate?")
        expectRefusal(try run("serve"), 64, "no subcommand 'serve' (see mlx-lm --help)")
        expectRefusal(
            try run("generate", "--model", folder.path, "--mode", "quick"), 64, "--mode")
        #expect(try run("generate", "--help").status == 0)
    }
}
