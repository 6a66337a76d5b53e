import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN
import TestSupport
import Testing

@Suite("Folders of models")
struct LoadingTests {
    private static let close = Tolerance(absolute: 1e-4, relative: 1e-5)

    private func change(
        _ folder: URL, _ change: (inout [String: ConfigurationValue]) -> Void
    ) throws {
        let file = folder.appending(path: "config.json")
        var config = try ConfigurationObject(url: file)
        change(&config.members)
        try config.encoded().write(to: file)
    }

    @Test(
        "configurations of transformers 4 read as those of transformers 5",
        arguments: ["llama3", "qwen2", "qwen2_sliding", "gemma3", "phi3_long", "llama_biased"])
    func layouts(name: String) throws {
        var config = try ConfigurationObject(
            url: TinyModel.folder(of: name).appending(path: "config.json"))
        let expected = try DecoderConfiguration(config)
        var rotary = try #require(config["rope_parameters"]?.members)
        config.members["rope_parameters"] = nil
        if case .object(let sliding)? = rotary["sliding_attention"] {
            config.members["rope_local_base_freq"] = sliding["rope_theta"]
            rotary = try #require(rotary["full_attention"]?.members)
        }
        config.members["rope_theta"] = rotary.removeValue(forKey: "rope_theta")
        config.members["partial_rotary_factor"] = rotary.removeValue(
            forKey: "partial_rotary_factor")
        if let kind = rotary.removeValue(forKey: "rope_type"), kind != .text("default") {
            rotary["type"] = kind
            config.members["rope_scaling"] = .object(rotary)
        }
        #expect(try DecoderConfiguration(config) == expected)
    }

    @Test("sharded weights are found by their index, and a missing shard is named")
    func shards() throws {
        let temporary = try TemporaryFolder()
        let tiny = try TinyModel("qwen3")
        let parts = try ModelParts(url: tiny.folder)
        let folder = temporary.url.appending(path: "sharded")
        try parts.save(
            try parts.makeModel(keepingTypes: true), quantization: nil, to: folder,
            shardBytes: 8000)
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let shards = files.filter { $0.hasSuffix(".safetensors") }.sorted()
        #expect(shards.count > 2 && shards[0].hasPrefix("model-00001-of-0000"))
        let model = try ModelParts(url: folder).makeModel(mode: .exact)
        #expect(difference(model(tiny.tokens, cache: nil), tiny.logits, Self.close) == nil)

        try FileManager.default.removeItem(at: folder.appending(path: shards[1]))
        let error = #expect(throws: LanguageModelError.self) { try ModelParts(url: folder) }
        #expect(try #require(error).exitStatus == 66)
        #expect("\(try #require(error))".contains("\(shards[1]) is missing"))
    }

    @Test(
        "a packed model comes back from its folder, each layer in its own format",
        arguments: [
            (ModelQuantization.Format(groupSize: 32, bits: 4), nil),
            (.init(groupSize: 32, bits: 8), nil),
            (.init(groupSize: 32, bits: 3), MixedQuantization.mixed_3_6),
            (.init(mode: .mxfp4, groupSize: nil, bits: nil), nil),
            (.init(mode: .nvfp4, groupSize: nil, bits: nil), nil),
        ])
    func packed(format: ModelQuantization.Format, mixed: MixedQuantization?) throws {
        let temporary = try TemporaryFolder()
        let tiny = try TinyModel("llama2")
        let parts = try ModelParts(url: tiny.folder)
        let model = try parts.makeModel(mode: .exact)
        let quantization = try pack(model, format, mixed: mixed)
        let expected = model(tiny.tokens, cache: nil)
        let folder = temporary.url.appending(path: "packed")
        try parts.save(model, quantization: quantization, to: folder)
        let again = try ModelParts(url: folder)
        #expect(again.quantization == quantization)
        #expect(mixed == nil || !quantization.layers.isEmpty)
        let loaded = try again.makeModel(mode: .exact)
        #expect(loaded.modules().contains { $0 is any Quantized })
        #expect(difference(loaded(tiny.tokens, cache: nil), expected, Self.close) == nil)
        // Unpacked it computes the same.
        unpack(loaded)
        let tolerance = Tolerance(absolute: 0.05, relative: 0.01)
        #expect(difference(loaded(tiny.tokens, cache: nil), expected, tolerance) == nil)
    }

    @Test("what is wrong with a folder is said in one line")
    func faults() throws {
        let temporary = try TemporaryFolder()
        func reason(_ break_: (URL) throws -> Void, status: Int32 = 65) throws -> String {
            let folder = try temporary.copy(of: TinyModel.folder(of: "qwen2"))
            defer { try? FileManager.default.removeItem(at: folder) }
            try break_(folder)
            do {
                _ = try ModelParts(url: folder).makeModel()
                return "read"
            } catch let error as LanguageModelError {
                #expect(error.exitStatus == status)
                #expect(!"\(error)".contains("\n"))
                return "\(error)"
            }
        }
        func with(_ key: String, _ value: ConfigurationValue?, _ status: Int32 = 65) throws
            -> String
        {
            try reason({ try change($0) { $0[key] = value } }, status: status)
        }
        func removing(_ file: String) throws -> String {
            try reason(
                { try FileManager.default.removeItem(at: $0.appending(path: file)) }, status: 66)
        }
        let known = "supported are gemma, gemma2, gemma3, gemma3_text, gpt2, llama, mistral, phi3"
        #expect(try with("model_type", .text("mamba")).contains("\"mamba\" is unknown; \(known)"))
        #expect(try with("model_type", nil).contains("model_type must be the kind of model"))
        #expect(try with("hidden_size", .text("wide")).contains("hidden_size must be a whole"))
        #expect(try with("num_attention_heads", .integer(0)).contains("above 0"))
        #expect(try with("num_key_value_heads", .integer(3)).contains("a divisor of"))
        #expect(try with("hidden_act", .text("tan")).contains("the activation \"tan\" is unknown"))
        #expect(try with("intermediate_size", .integer(40)).contains("do not fit the model"))
        #expect(try with("num_hidden_layers", .integer(3)).contains("is missing"))
        #expect(
            try with("rope_parameters", .object(["rope_type": .text("spiral")]))
                .contains("rope_parameters.rope_type must be default, linear"))
        #expect(try removing("config.json").contains("config.json is missing"))
        #expect(try removing("model.safetensors").contains("holds no model*.safetensors"))
        #expect(
            try reason { try Data("{".utf8).write(to: $0.appending(path: "config.json")) }
                .contains("it is not JSON"))
        #expect(
            try reason {
                let file = $0.appending(path: "model.safetensors")
                try Data(contentsOf: file).prefix(5000).write(to: file)
            }.contains("model.safetensors"))
        #expect(throws: LanguageModelError.self) {
            try ModelParts(url: temporary.url.appending(path: "nowhere"))
        }
    }

    @Test("the end tokens of generation_config.json go before those of config.json")
    func endTokens() throws {
        let temporary = try TemporaryFolder()
        let folder = try temporary.copy(of: TinyModel.folder(of: "llama2"))
        #expect(try ModelParts(url: folder).endTokens == [2])
        try Data(#"{"eos_token_id": [5, 7]}"#.utf8)
            .write(to: folder.appending(path: "generation_config.json"))
        #expect(try ModelParts(url: folder).endTokens == [5, 7])
    }

    @Test("a model is written whole or not at all")
    func unwritable() throws {
        let temporary = try TemporaryFolder()
        let parts = try ModelParts(url: TinyModel.folder(of: "llama2"))
        let model = try parts.makeModel()
        let error = #expect(throws: LanguageModelError.self) {
            try parts.save(model, quantization: nil, to: temporary.url)
        }
        #expect(try #require(error).exitStatus == 73)
        let left = try FileManager.default.contentsOfDirectory(atPath: temporary.url.path)
        #expect(left.isEmpty)
    }
}

extension ConfigurationValue {
    var members: [String: ConfigurationValue]? {
        if case .object(let members) = self { members } else { nil }
    }
}
