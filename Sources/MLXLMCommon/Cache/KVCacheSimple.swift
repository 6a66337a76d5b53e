import MLX
import MLXNN

/// A cache that keeps everything; its memory grows by steps.
public final class KVCacheSimple: KVCache {
    private var buffer: GrowingBuffer

    /// The number of tokens seen.
    public var offset: Int { buffer.count }

    /// All tokens are kept.
    public var maxSize: Int? { nil }

    /// Tokens can be taken back.
    public var isTrimmable: Bool { true }

    /// An empty cache whose memory grows by `step` tokens.
    ///
    /// - Parameter narrows: keeps float32 keys and values as float16, which is half of what each
    ///   token has to read
    public init(step: Int = 256, narrows: Bool = false) {
        buffer = GrowingBuffer(step: step, narrows: narrows)
    }

    /// Keys and values, if there are.
    public var state: [MLXArray] {
        get { buffer.contents }
        set { buffer.contents = newValue }
    }

    /// Nothing beside the arrays.
    public var metaState: [String] {
        get { [] }
        set {}
    }

    /// Takes up to so many tokens back, and tells how many.
    @discardableResult
    public func trim(_ count: Int) -> Int { buffer.trim(count) }

    /// Adds keys and values, and gives all of them.
    public func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) {
        buffer.append(keys: keys, values: values)
    }

    /// Adds one token of each sequence, not turned yet, and gives the attention of its queries,
    /// [B, heads · D]; nil while there was no token yet, or where the types differ.
    package func step(
        queries: MLXArray, keys: MLXArray, values: MLXArray, angles: MLXArray, scale: Float
    ) -> MLXArray? {
        buffer.step(queries: queries, keys: keys, values: values, angles: angles, scale: scale)
    }

    /// All of the memory, [B, heads, room, D] each; none while there was no token yet.
    var memory: [MLXArray] { buffer.arrays }

    /// Whether another token fits into the memory.
    var hasRoom: Bool { memory.first.map { offset < $0.dim(2) } ?? false }

    /// While a step is recorded, where its token goes; the step takes it, and leaves counting to
    /// ``advance()``.
    var recordedPosition: MLXArray? {
        get { buffer.recordedPosition }
        set { buffer.recordedPosition = newValue }
    }

    /// Counts a token that a recorded step has added.
    func advance() { buffer.count += 1 }

    /// A causal mask, with a window if there is one.
    public func makeMask(
        count: Int, window: Int?
    ) -> MLXFast.ScaledDotProductAttentionMaskMode {
        causalMask(count: count, offset: offset, window: window)
    }

    /// The same tokens with packed keys and values.
    public func toQuantized(groupSize: Int = 64, bits: Int = 8) -> QuantizedKVCache {
        let packed = QuantizedKVCache(groupSize: groupSize, bits: bits)
        let all = buffer.contents
        if all.count == 2 { _ = packed.append(keys: all[0], values: all[1]) }
        return packed
    }
}

/// Arrays [B, heads, tokens, …] that tokens are added to; the memory grows by steps, and is written
/// in place.
struct GrowingBuffer {
    /// The number of tokens in use.
    var count = 0
    /// See ``KVCacheSimple/recordedPosition``.
    var recordedPosition: MLXArray?
    private(set) var arrays: [MLXArray] = []
    private let step: Int
    private let narrows: Bool

    init(step: Int, narrows: Bool = false) { (self.step, self.narrows) = (step, narrows) }

    /// The arrays of the tokens in use; none while there was no token yet.
    var contents: [MLXArray] {
        get {
            arrays.map { $0.dim(2) == count ? $0.anotherHandle() : $0[0..., 0..., ..<count] }
        }
        set {
            arrays = newValue.map { $0.anotherHandle() }
            count = newValue.first?.dim(2) ?? 0
        }
    }

    /// Adds tokens to each array.
    mutating func append(_ new: [MLXArray]) {
        guard let added = new.first?.dim(2) else { return }
        if arrays.isEmpty || count + added > arrays[0].dim(2) { grow(by: added, like: new) }
        for (array, update) in zip(arrays, new) {
            array[0..., 0..., count..<count + added] = update.kept(as: array.dtype)
        }
        count += added
    }

    /// Adds keys and values, and gives all of them.
    mutating func append(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) {
        append([keys, values])
        let all = contents
        return (all[0], all[1])
    }

    /// See ``KVCacheSimple/step(queries:keys:values:angles:scale:)``.
    mutating func step(
        queries: MLXArray, keys: MLXArray, values: MLXArray, angles: MLXArray, scale: Float
    ) -> MLXArray? {
        let dtype = queries.dtype
        guard arrays.count == 2, [keys, values, angles].allSatisfy({ $0.dtype == dtype }),
            arrays.allSatisfy({ $0.dtype.mayKeep(dtype) }),
            queries.dim(0) == arrays[0].dim(0)
        else { return nil }
        if let position = recordedPosition {
            recordedPosition = nil
            return step(
                attentionStep(
                    queries: queries, keys: keys, values: values, cache: (arrays[0], arrays[1]),
                    angles: angles, position: position, scale: scale))
        }
        if count == arrays[0].dim(2) { grow(by: 1, like: arrays) }
        defer { count += 1 }
        return step(
            attentionStep(
                queries: queries, keys: keys, values: values, cache: (arrays[0], arrays[1]),
                angles: angles, position: count, scale: scale))
    }

    /// Keeps what a step makes of the arrays, and gives what its queries have seen.
    private func step(_ results: [MLXArray]) -> MLXArray {
        for (array, result) in zip(arrays, results.dropFirst()) { array._updateInternal(result) }
        return results[0]
    }

    /// Takes up to so many tokens back, and tells how many.
    mutating func trim(_ count: Int) -> Int {
        let trimmed = min(count, self.count)
        self.count -= trimmed
        return trimmed
    }

    private mutating func grow(by added: Int, like new: [MLXArray]) {
        let room = (added + step - 1) / step * step
        arrays = new.indices.map { index in
            var shape = new[index].shape
            shape[2] = room
            let dtype = arrays.isEmpty ? new[index].dtype : arrays[index].dtype
            let kept = narrows && arrays.isEmpty && dtype == .float32 ? .float16 : dtype
            let empty = MLXArray.zeros(shape, dtype: kept)
            if arrays.isEmpty { return empty }
            return concatenated([arrays[index][0..., 0..., ..<count], empty], axis: 2)
        }
    }
}
