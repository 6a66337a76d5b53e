import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN
import MLXTrain

/// A tiny random model with a tokenizer and a chat template, and conversations to teach it, in a
/// folder of its own.
final class ChatJob: Sendable {
    let folder: String
    private let removal: TemporaryFolder

    /// A template that marks no turns.
    static let plain = """
        {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}\
        {{ message['content'] + '<|im_end|>' }}{{ '\\n' }}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
        """

    /// The same with what the assistant says marked.
    static let marked = """
        {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}\
        {% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}\
        {% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}\
        {{ '\\n' }}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
        """

    /// Conversations of several lengths, whose answers follow from the questions.
    static let records = (0..<24).map { index -> String in
        let words = ["red", "green", "blue"]
        let word = words[index % 3]
        let question = String(repeating: "say ", count: index % 5 + 1) + word
        return #"{"messages": [{"role": "user", "content": "\#(question)"}, "#
            + #"{"role": "assistant", "content": "\#(word)!"}]}"#
    }

    init(template: String? = ChatJob.plain, records: [String] = ChatJob.records) throws {
        removal = try TemporaryFolder()
        folder = removal.path
        try Files.makeFolder("\(folder)/model")
        try ChatJob.writeTokenizer("\(folder)/model", template)
        try ChatJob.writeModel("\(folder)/model")
        try write(records, to: "chats.jsonl")
    }

    func write(_ lines: [String], to name: String) throws {
        try Files.makeFolder(Files.parent(of: "\(folder)/\(name)"))
        try Files.write(lines.map { $0 + "\n" }.joined().utf8, to: "\(folder)/\(name)")
    }

    private static func writeTokenizer(_ folder: String, _ template: String?) throws {
        var trainer = BPETrainer(
            vocabularySize: 300,
            specialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
        try trainer.add("say red green blue user assistant system tool call")
        try trainer.train().save(to: URL(filePath: "\(folder)/tokenizer.json"))
        let names = #"{"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}"#
        try Files.write(names.utf8, to: "\(folder)/tokenizer_config.json")
        guard let template else { return }
        try Files.write(template.utf8, to: "\(folder)/chat_template.jinja")
    }

    private static func writeModel(_ folder: String) throws {
        let text = """
            {
              "model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
              "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
              "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000,
              "tie_word_embeddings": true, "eos_token_id": 2
            }
            """
        try Files.write(text.utf8, to: "\(folder)/config.json")
        let config = try ConfigurationObject(parsing: Data(text.utf8), source: "config.json")
        let model = try withRandomState(MLXRandom.RandomState(seed: 11)) {
            let model = try LLMTypeRegistry.createModel(config)
            eval(model)
            return model
        }
        try Weights.write(
            Dictionary(uniqueKeysWithValues: model.parameters().flattened()),
            to: "\(folder)/model.safetensors")
    }

    func config(_ overrides: String...) throws -> TrainConfig {
        let json = """
            {
              "name": "chats", "seed": 3,
              "model": {"type": "pretrained", "path": "model", "group_size": 32},
              "adapter": {"type": "lora", "rank": 4, "scale": 4, "layers": -1},
              "data": {"format": "jsonl", "path": "chats.jsonl", "test_fraction": 0.25},
              "optimizer": {"type": "adamw", "learning_rate": 0.02},
              "training": {"steps": 12, "global_batch_size": 6, "micro_batch_size": 2},
              "checkpoint": {"every_steps": 4}, "metrics": {"every_steps": 1}
            }
            """
        return try TrainConfig(json: json, baseDirectory: folder, overrides: overrides)
    }

    @discardableResult
    func train(
        _ config: TrainConfig, ranks: Int = 1, output: String, stopAfter: Int? = nil
    ) throws -> String {
        try config.train(ranks: ranks, output: "\(folder)/\(output)", stopAfter: stopAfter)
    }

    /// What is said of a job that ends with an error, and its status.
    func refusal(_ config: TrainConfig) -> String {
        do {
            try train(config, output: "refused")
            return ""
        } catch {
            let verdict = Verdict(error)
            return "\(verdict.line ?? "") [\(verdict.status)]"
        }
    }

    func metrics(_ event: String, of output: String) throws -> [JSONNode] {
        try Files.read("\(folder)/\(output)/metrics.jsonl").split(separator: UInt8(ascii: "\n"))
            .map { try JSONParser.parse(Array($0), source: "metrics.jsonl") }
            .filter { $0["event"]?.stringValue == event }
    }

    func losses(of output: String) throws -> [Double] {
        try metrics("train", of: output).compactMap { Double($0["loss"]?.compact ?? "") }
    }

    func adapter(of output: String) throws -> [UInt8] {
        try Files.read("\(folder)/\(output)/adapters/adapters.safetensors")
    }

    /// The model as it was before any training.
    func model() throws -> any LanguageModel {
        try ModelParts(url: URL(filePath: "\(folder)/model")).makeModel(mode: .exact)
    }

    var tokenizer: PreTrainedTokenizer {
        get throws { try PreTrainedTokenizer(directory: URL(filePath: "\(folder)/model")) }
    }
}
