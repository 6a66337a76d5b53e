import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import TestSupport
import Testing

@Suite("GGUF files of language models")
struct GGUFTests {
    /// A file of one tensor with these bytes.
    private func file(_ type: GGUFTensorType, _ shape: [Int], _ bytes: [UInt8]) -> [UInt8] {
        var file: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { file.append(contentsOf: $0) }
        }
        append(UInt32(0x4655_4747))
        append(UInt32(3))
        append(UInt64(1))
        append(UInt64(0))
        append(UInt64(1))
        file.append(UInt8(ascii: "w"))
        append(UInt32(shape.count))
        for size in shape.reversed() { append(UInt64(size)) }
        append(type.rawValue)
        append(UInt64(0))
        file += [UInt8](repeating: 0, count: -file.count & 31)
        return file + bytes
    }

    @Test("weights that share memory keep their types, shapes and elements")
    func joinedWeights() {
        var values = Values(seed: 3)
        func random(_ shape: [Int], _ dtype: DType) -> MLXArray {
            let count = shape.reduce(1, *)
            let start = Int(values.bits() % 1000)
            return reshaped(((arange(count) + start) % 251).asType(dtype), shape)
        }
        for sizes in [[3, 5], [1 << 20, 1 << 19, 1 << 22, 7]] {
            let arrays = sizes.flatMap { size in
                [
                    random([size, 2], .uint32), random([3, size / 3 + 1], .float16),
                    random([size / 2 + 1], .uint8),
                ]
            }
            let joined = WeightMemory.joined(arrays)
            #expect(joined.map(\.shape) == arrays.map(\.shape))
            #expect(joined.map(\.dtype) == arrays.map(\.dtype))
            for (own, array) in zip(joined, arrays) { #expect(all(own .== array).item(Bool.self)) }
        }
    }

    @Test(
        "blocks are unpacked, and packed anew, as the array library unpacks them",
        arguments: [
            (GGUFTensorType.q4_0, 32, 18, [0]), (.q4_1, 32, 20, [0, 2]), (.q5_0, 32, 22, [0]),
            (.q5_1, 32, 24, [0, 2]), (.q8_0, 32, 34, [0]), (.q2_k, 256, 84, [80, 82]),
            (.q3_k, 256, 110, [108]), (.q4_k, 256, 144, [0, 2]), (.q5_k, 256, 176, [0, 2]),
            (.q6_k, 256, 210, [208]),
        ])
    func blocks(type: GGUFTensorType, elements: Int, size: Int, halves: [Int]) throws {
        let folder = try TemporaryFolder()
        var values = Values(seed: 7)
        let shape = [5, 2 * elements]
        var bytes = (0..<10 * size).map { _ in UInt8(truncatingIfNeeded: values.bits()) }
        for block in 0..<10 {
            // Scales that are numbers.
            for place in halves {
                bytes[block * size + place + 1] = 0x20 | (bytes[block * size + place + 1] & 0x93)
            }
        }
        let url = folder.url.appending(path: "w.gguf")
        try Data(file(type, shape, bytes)).write(to: url)
        let expected = try #require(
            try loadGGUF(url: url, dequantizedTo: .float32).arrays["w"])
        let own = try GGUFFile(url: url)
        let entry = try #require(own.entries.first)
        let found: MLXArray
        switch try #require(GGUFBlocks.weight(own.bytes(of: entry), entry.type, entry.shape)) {
        case .dense(let array): found = array
        case .packed(let words, let scales, let biases, let bits):
            found = dequantized(
                words, scales: scales, biases: biases, groupSize: GGUFBlocks.groupSize,
                bits: bits, dtype: .float32)
        }
        #expect(difference(found, expected, Tolerance(absolute: 1e-5, relative: 1e-5)) == nil)
    }

    /// llama.cpp's names of the parts of blocks.
    private static let names = [
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv",
        "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
        "mlp.gate_up_proj": "ffn_up",
    ]
    private static let sandwichNames = [
        "post_attention_layernorm": "post_attention_norm",
        "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    ]

    private func ggufName(_ name: String, sandwich: Bool) throws -> String {
        let (stem, kind) = try #require(
            name.range(of: ".", options: .backwards).map {
                (String(name[..<$0.lowerBound]), name[$0.lowerBound...])
            })
        let outer = [
            "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
        ]
        if let outer = outer[stem] { return outer + kind }
        let parts = stem.split(separator: ".", maxSplits: 3).map(String.init)
        let inner = (sandwich ? Self.sandwichNames[parts[3]] : nil) ?? Self.names[parts[3]]
        return "blk.\(parts[2]).\(try #require(inner))\(kind)"
    }

    /// Rows of a head's two halves by turns, as llama.cpp has them.
    private func alternating(_ array: MLXArray, heads: Int) -> MLXArray {
        let half = array.dim(0) / heads / 2
        var order: [Int] = []
        for head in 0..<heads {
            let start = 2 * head * half
            for row in start..<start + half { order += [row, row + half] }
        }
        return take(array, MLXArray(order), axis: 0)
    }

    private func write(
        _ tiny: TinyModel, architecture: String, extra: [String: GGUFValue] = [:],
        divisors: [Float]? = nil, type: GGUFTensorType = .f32, to url: URL
    ) throws -> any LanguageModel {
        let model = try tiny.load()
        let isGemma = architecture.hasPrefix("gemma")
        var arrays: [String: MLXArray] = [:]
        var types: [String: GGUFTensorType] = [:]
        for (name, array) in model.parameters().flattened() {
            let key = try ggufName(name, sandwich: isGemma && architecture != "gemma")
            var array = array
            if isGemma, name.contains("norm") { array = array + 1 }
            if architecture == "llama" {
                if name.contains("q_proj") { array = alternating(array, heads: 4) }
                if name.contains("k_proj") { array = alternating(array, heads: 2) }
            }
            arrays[key] = array
            if array.ndim == 2, array.dim(1) % 32 == 0 { types[key] = type }
        }
        if let divisors { arrays["rope_freqs.weight"] = MLXArray(divisors) }
        var metadata: [String: GGUFValue] = ["general.architecture": .string(architecture)]
        let numbers = [
            "block_count": model.blocks.count, "embedding_length": 32, "context_length": 64,
            "attention.head_count": 4, "attention.head_count_kv": 2,
            "feed_forward_length": architecture == "gemma3" ? 32 : 48,
        ]
        for (key, number) in numbers {
            metadata["\(architecture).\(key)"] = .uint32(UInt32(number))
        }
        for (key, value) in extra { metadata["\(architecture).\(key)"] = value }
        try saveGGUF(arrays: arrays, metadata: metadata, types: types, url: url)
        return model
    }

    private static let eps = "attention.layer_norm_rms_epsilon"

    @Test(
        "a model gives the logits of the folder that it was made of",
        arguments: [
            (
                "qwen3", "qwen3",
                [
                    eps: GGUFValue.float32(1e-6), "attention.key_length": .uint32(16),
                    "rope.freq_base": .float32(1e6),
                ]
            ),
            ("qwen2", "qwen2", [eps: .float32(1e-6), "rope.freq_base": .float32(1e6)]),
            ("phi4_mini", "phi3", [eps: .float32(1e-5), "rope.dimension_count": .uint32(4)]),
            (
                "llama_biased", "llama",
                [
                    eps: .float32(1e-6), "rope.scaling.type": .string("linear"),
                    "rope.scaling.factor": .float32(4),
                ]
            ),
            (
                "gemma3", "gemma3",
                [
                    eps: .float32(1e-6), "attention.key_length": .uint32(16),
                    "attention.sliding_window": .uint32(5), "rope.freq_base": .float32(1e6),
                    "rope.scaling.type": .string("linear"), "rope.scaling.factor": .float32(8),
                ]
            ),
        ])
    func logits(name: String, architecture: String, extra: [String: GGUFValue]) throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appending(path: "m.gguf")
        let tiny = try TinyModel(name)
        let model = try write(tiny, architecture: architecture, extra: extra, to: url)
        let loaded = try ModelParts(url: url).makeModel(mode: .exact)
        if architecture == "gemma3" {
            // The file tells neither the layers with a window nor the scores' divisor: parameters
            // alone are the same.
            for ((key, own), (other, expected)) in zip(
                loaded.parameters().flattened(), model.parameters().flattened())
            {
                #expect(key == other && difference(own, expected) == nil)
            }
            return
        }
        let logits = loaded(tiny.tokens, cache: nil)
        #expect(difference(logits, tiny.logits, Tolerance(absolute: 1e-4, relative: 1e-5)) == nil)
    }

    @Test("the factors of rotary pairs come from their tensor")
    func divisors() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appending(path: "m.gguf")
        let tiny = try TinyModel("llama3")
        // Wavelengths are 2π · 500000^(i / 4): within 4, between 4 and 16, and beyond.
        let turns = (0..<4).map { 2 * Double.pi * pow(500_000, Double($0) / 4) }
        let factors = turns.map { turn -> Float in
            if turn > 16 { return 8 }
            if turn < 4 { return 1 }
            let smooth = (16 / turn - 1) / 3
            return Float(1 / ((1 - smooth) / 8 + smooth))
        }
        _ = try write(
            tiny, architecture: "llama",
            extra: [Self.eps: .float32(1e-5), "rope.freq_base": .float32(500_000)],
            divisors: factors, to: url)
        let model = try ModelParts(url: url).makeModel(mode: .exact)
        let logits = model(tiny.tokens, cache: nil)
        #expect(difference(logits, tiny.logits, Tolerance(absolute: 1e-4, relative: 1e-5)) == nil)
    }

    @Test(
        "packed weights stay packed and compute what they stand for",
        arguments: [GGUFTensorType.q4_0, .q4_1, .q5_0, .q5_1, .q8_0])
    func packed(type: GGUFTensorType) throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appending(path: "m.gguf")
        let tiny = try TinyModel("llama3")
        _ = try write(
            tiny, architecture: "llama",
            extra: [Self.eps: .float32(1e-5), "rope.freq_base": .float32(500_000)], type: type,
            to: url)
        let parts = try ModelParts(url: url)
        #expect(parts.quantization != nil)
        let model = try parts.makeModel(mode: .exact)
        let dense = try parts.makeModel(mode: .exact)
        unpack(dense)
        let (found, expected) = (model(tiny.tokens, cache: nil), dense(tiny.tokens, cache: nil))
        #expect(found.dtype == .float32)
        #expect(difference(found, expected, Tolerance(absolute: 1e-3, relative: 1e-3)) == nil)
    }

    @Test("damaged files are refused with their reason")
    func damaged() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appending(path: "m.gguf")
        _ = try write(
            try TinyModel("llama3"), architecture: "llama",
            extra: [Self.eps: .float32(1e-5)], to: url)
        let whole = try Data(contentsOf: url)
        func reason(_ data: Data) throws -> String {
            try data.write(to: url)
            do {
                _ = try ModelParts(url: url).makeModel()
                return "read"
            } catch let error as LanguageModelError {
                #expect(error.exitStatus == 65)
                return "\(error)"
            }
        }
        #expect(try reason(Data("HELLO, WORLD".utf8)).contains("no GGUF file"))
        #expect(try reason(Data()).contains("cut off"))
        #expect(try reason(whole.prefix(200)).contains("cut off"))
        #expect(try reason(whole.prefix(whole.count - 40)).contains("leads out of the file"))
        for count in stride(from: 0, to: 1200, by: 7) {
            #expect(try reason(whole.prefix(count)) != "read")
        }
        var forged = whole
        forged.replaceSubrange(0..<1, with: [0x48])
        #expect(try reason(forged).contains("does not begin with GGUF"))
    }

    @Test("an architecture that is unknown is named, with the known ones")
    func unknown() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appending(path: "m.gguf")
        try saveGGUF(
            arrays: ["w": MLXArray([1 as Float])],
            metadata: ["general.architecture": .string("mamba")], url: url)
        let error = #expect(throws: LanguageModelError.self) { try ModelParts(url: url) }
        #expect("\(try #require(error))".contains("\"mamba\" is unknown; supported are gemma,"))
    }
}
