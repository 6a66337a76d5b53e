import Foundation
import MLX

/// Writes caches to a file in mlx-lm's form: a safetensors file with the kinds of the caches, their
/// numbers, and further text in its metadata.
public func savePromptCache(
    url: URL, cache: [any KVCache], metadata: [String: String] = [:]
) throws {
    var arrays: [String: MLXArray] = [:]
    var texts: [String: String] = [:]
    for (index, layer) in cache.enumerated() {
        let kind = try PromptCache.Kind(layer)
        for (place, array) in layer.state.enumerated() {
            let inner = kind == .quantized ? "\(place / 3).\(place % 3)" : "\(place)"
            arrays["\(index).\(inner)"] = array
        }
        let numbers = kind.numbers(of: layer)
        if numbers.isEmpty { texts["0.\(index)"] = "" }
        for (place, number) in numbers.enumerated() { texts["0.\(index).\(place)"] = number }
        texts["2.\(index)"] = kind.rawValue
    }
    for (key, text) in metadata { texts["1.\(key)"] = text }
    do {
        try save(arrays: arrays, metadata: texts, url: url)
    } catch let error as LoadSaveError {
        throw LanguageModelError.unwritable(url.path, reason: error.reason)
    }
}

/// Reads caches from a file of ``savePromptCache(url:cache:metadata:)`` or mlx-lm.
public func loadPromptCache(
    url: URL
) throws -> (cache: [any KVCache], metadata: [String: String]) {
    guard FileManager.default.fileExists(atPath: url.path) else {
        throw LanguageModelError.missing("\(url.path) is missing")
    }
    let arrays: [String: MLXArray]
    let texts: [String: String]
    do {
        (arrays, texts) = try loadArraysAndMetadata(url: url)
    } catch let error as LoadSaveError {
        throw LanguageModelError.malformed(url.path, reason: error.reason)
    }
    var cache: [any KVCache] = []
    while let word = texts["2.\(cache.count)"] {
        let index = cache.count
        guard let kind = PromptCache.Kind(rawValue: word) else {
            throw LanguageModelError.malformed(url.path, reason: "the cache \(word) is unknown")
        }
        let names = arrays.keys.filter { $0.hasPrefix("\(index).") }.sorted()
        let numbers = (0..<4).compactMap { texts["0.\(index).\($0)"] }
        guard let layer = kind.make(names.compactMap { arrays[$0] }, numbers) else {
            throw LanguageModelError.malformed(url.path, reason: "the cache \(index) is incomplete")
        }
        cache.append(layer)
    }
    guard !cache.isEmpty else {
        throw LanguageModelError.malformed(url.path, reason: "it holds no caches")
    }
    let own = texts.filter { $0.key.hasPrefix("1.") }
    return (
        cache, Dictionary(uniqueKeysWithValues: own.map { (String($0.key.dropFirst(2)), $0.value) })
    )
}

enum PromptCache {
    /// The kinds of caches by mlx-lm's words.
    enum Kind: String {
        case simple = "KVCache"
        case rotating = "RotatingKVCache"
        case quantized = "QuantizedKVCache"

        init(_ cache: any KVCache) throws(LanguageModelError) {
            switch cache {
            case is KVCacheSimple: self = .simple
            case is RotatingKVCache: self = .rotating
            case is QuantizedKVCache: self = .quantized
            default: throw .option("caches of several sequences are not kept in files")
            }
        }

        /// The numbers in mlx-lm's order.
        func numbers(of cache: any KVCache) -> [String] {
            switch self {
            case .simple: []
            case .rotating: cache.metaState + ["\(cache.state.first?.dim(2) ?? 0)"]
            case .quantized: ["\(cache.offset)"] + cache.metaState
            }
        }

        func make(_ arrays: [MLXArray], _ numbers: [String]) -> (any KVCache)? {
            let values = numbers.compactMap { Int($0) }
            guard arrays.allSatisfy({ $0.ndim == 4 && $0.dim(2) == arrays[0].dim(2) }) else {
                return nil
            }
            let cache: any KVCache
            switch self {
            case .simple:
                guard arrays.isEmpty || arrays.count == 2 else { return nil }
                cache = KVCacheSimple()
            case .rotating:
                guard values.count == 4, values[1] > 0, values[0] >= 0,
                    arrays.isEmpty || arrays.count == 2
                else { return nil }
                let rotating = RotatingKVCache(maxSize: values[1], keep: values[0])
                rotating.restore(arrays, offset: values[2], index: values[3])
                return rotating
            case .quantized:
                guard values.count == 3, arrays.isEmpty || arrays.count == 6 else { return nil }
                cache = QuantizedKVCache(groupSize: values[1], bits: values[2])
            }
            cache.state = arrays
            return cache
        }
    }
}
