import MLX
import MLXLLM
import MLXLMCommon
import TestSupport
import Testing

@Suite("Caches")
struct CacheTests {
    private static let close = Tolerance(absolute: 2e-4, relative: 1e-4)

    /// The logits of one sequence, fed in pieces of these sizes.
    private func logits(
        _ model: any LanguageModel, _ tokens: MLXArray, in sizes: [Int],
        _ cache: [any KVCache]
    ) -> MLXArray {
        var (parts, start) = ([MLXArray](), 0)
        for size in sizes {
            parts.append(model(tokens[0..., start..<start + size], cache: cache))
            start += size
        }
        return concatenated(parts, axis: 1)
    }

    @Test(
        "a sequence in pieces gives the logits of the whole one", arguments: TinyModel.names,
        [
            [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [5, 1, 1, 4, 1, 2], [13, 1],
            [3, 3, 3, 3, 2],
        ])
    func pieces(name: String, sizes: [Int]) throws {
        // The factors of these two depend on the length, so that what is cached was turned by others.
        if name == "phi3_long" || name == "llama_dynamic" { return }
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        let cache = model.newCache(parameters: nil)
        let found = logits(model, tiny.tokens, in: sizes, cache)
        #expect(difference(found, tiny.logits, Self.close) == nil)
        #expect(cache.allSatisfy { $0.offset == 14 })
    }

    @Test("tokens that are taken back leave no trace", arguments: ["llama3", "gpt2", "qwen3"])
    func trim(name: String) throws {
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        let cache = model.newCache(parameters: nil)
        _ = model(tiny.tokens[0..., ..<10], cache: cache)
        _ = model(tiny.tokens[0..., ..<3], cache: cache)
        #expect(cache.allSatisfy { $0.trim(3) == 3 })
        let rest = model(tiny.tokens[0..., 10...], cache: cache)
        #expect(difference(rest, tiny.logits[0..., 10...], Self.close) == nil)
    }

    @Test("a rotating cache shows the first tokens and the last ones")
    func rotation() {
        let cache = RotatingKVCache(maxSize: 6, keep: 2, step: 3)
        func token(_ number: Int) -> MLXArray { MLXArray([Float(number)], [1, 1, 1, 1]) }
        for number in 0..<20 {
            let (keys, _) = cache.update(keys: token(number), values: token(number))
            let seen = Set(keys.asArray(Float.self).map { Int($0) })
            let expected = number < 6 ? Set(0...number) : Set([0, 1] + (number - 3...number))
            #expect(seen == expected)
        }
        let state = cache.state[0].asArray(Float.self)
        #expect(state == [0, 1, 16, 17, 18, 19])
    }

    /// A packed cache whose contents are unpacked for attention.
    private final class Unpacked: KVCache {
        private let packed: QuantizedKVCache
        init(_ bits: Int) { packed = QuantizedKVCache(groupSize: 32, bits: bits) }
        var offset: Int { packed.offset }
        var maxSize: Int? { nil }
        var state: [MLXArray] {
            get { packed.state }
            set { packed.state = newValue }
        }
        var metaState: [String] {
            get { [] }
            set {}
        }
        var isTrimmable: Bool { true }
        func trim(_ count: Int) -> Int { packed.trim(count) }
        func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) {
            packed.update(keys: keys, values: values)
        }
        func makeMask(
            count: Int, window: Int?
        ) -> MLXFast.ScaledDotProductAttentionMaskMode {
            packed.makeMask(count: count, window: window)
        }
    }

    @Test("packed caches compute what their codes stand for", arguments: [8, 4])
    func quantized(bits: Int) throws {
        let tiny = try TinyModel("llama3_wide")
        let model = try tiny.load()
        let cache = model.blocks.map { _ in QuantizedKVCache(groupSize: 32, bits: bits) }
        let unpacked = model.blocks.map { _ in Unpacked(bits) }
        let found = logits(model, tiny.tokens, in: [9, 1, 1, 3], cache)
        let expected = logits(model, tiny.tokens, in: [9, 1, 1, 3], unpacked)
        #expect(difference(found, expected, Tolerance(absolute: 1e-3, relative: 1e-3)) == nil)
        let bound = Tolerance(absolute: bits == 8 ? 0.2 : 2, relative: 0.01)
        #expect(difference(found, tiny.logits, bound) == nil)
        #expect(cache[0].state.count == 6)
        #expect(cache[0].trim(4) == 4 && cache[0].offset == 10)
    }

    @Test("a cache comes back from its file", arguments: ["llama3", "mistral", "gemma3"])
    func files(name: String) throws {
        let folder = try TemporaryFolder()
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        let cache = model.newCache(parameters: nil)
        _ = model(tiny.tokens[0..., ..<9], cache: cache)
        let url = folder.url.appending(path: "cache.safetensors")
        try savePromptCache(url: url, cache: cache, metadata: ["tokens": "9"])
        let (loaded, metadata) = try loadPromptCache(url: url)
        #expect(metadata == ["tokens": "9"])
        let rest = model(tiny.tokens[0..., 9...], cache: loaded)
        #expect(difference(rest, tiny.logits[0..., 9...], Self.close) == nil)
    }
}
