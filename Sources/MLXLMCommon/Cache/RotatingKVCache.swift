import MLX

/// A cache that keeps the first few tokens and the last ones, for attention with a window.
public final class RotatingKVCache: KVCache {
    private let size: Int
    private let keep: Int
    private let step: Int
    /// The arrays, in the order of time up to ``index`` and behind it.
    private var arrays: [MLXArray] = []
    /// Where the next token is written.
    private var index = 0

    /// The number of tokens seen.
    public private(set) var offset = 0

    /// The most tokens that are kept.
    public var maxSize: Int? { size }

    /// A cache of `maxSize` tokens, of which the first `keep` stay.
    public init(maxSize: Int, keep: Int = 0, step: Int = 256) {
        (size, self.keep, self.step) = (max(maxSize, 1), min(keep, maxSize / 2), step)
    }

    /// Whether no token has been dropped yet.
    public var isTrimmable: Bool { offset < size }

    /// Takes up to so many tokens back, and tells how many.
    @discardableResult
    public func trim(_ count: Int) -> Int {
        guard isTrimmable else { return 0 }
        let trimmed = min(count, offset)
        offset -= trimmed
        index -= trimmed
        return trimmed
    }

    /// Keys and values in the order of time, if there are.
    public var state: [MLXArray] {
        get { inOrder() }
        set {
            arrays = newValue
            index = newValue.first?.dim(2) ?? 0
        }
    }

    /// The numbers of kept tokens, of all tokens, and of tokens seen.
    public var metaState: [String] {
        get { [keep, size, offset].map(String.init) }
        set { offset = newValue.last.flatMap { Int($0) } ?? index }
    }

    /// Takes arrays of a file, whose next token is written at `index`.
    func restore(_ arrays: [MLXArray], offset: Int, index: Int) {
        self.arrays = arrays
        (self.offset, self.index) = (offset, min(index, arrays.first?.dim(2) ?? 0))
    }

    /// Adds keys and values, and gives those that a new token may see, among them the last
    /// `maxSize` - 1 before each.
    public func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) {
        let new = [keys, values]
        if keys.dim(2) == 1, !arrays.isEmpty { rotate(in: new) } else { append(new) }
        offset += keys.dim(2)
        let used = arrays.map { $0.dim(2) > offset ? $0[0..., 0..., ..<index] : $0 }
        return (used[0], used[1])
    }

    /// The tokens in the order of time.
    private func inOrder() -> [MLXArray] {
        arrays.map { array in
            if index == array.dim(2) { return array }
            if offset <= index { return array[0..., 0..., ..<index] }
            let parts = split(array, indices: [keep, index], axis: 2)
            return concatenated([parts[0], parts[2], parts[1]], axis: 2)
        }
    }

    private func append(_ new: [MLXArray]) {
        if arrays.isEmpty {
            arrays = new
        } else {
            arrays = zip(inOrder(), new).map { old, new in
                concatenated([trimmed(old, to: size - 1), new], axis: 2)
            }
        }
        index = arrays[0].dim(2)
    }

    /// Without tokens behind the first ones, so that `count` are left.
    private func trimmed(_ array: MLXArray, to count: Int) -> MLXArray {
        let surplus = array.dim(2) - count
        if surplus <= 0 { return array }
        let parts = split(array, indices: [keep, keep + surplus], axis: 2)
        return concatenated([parts[0], parts[2]], axis: 2)
    }

    /// Writes one token behind the last, or over the oldest one.
    private func rotate(in new: [MLXArray]) {
        if arrays[0].dim(2) > size {
            arrays = arrays.map { trimmed($0, to: size) }
            index = size
        }
        if index == arrays[0].dim(2), index < size {
            let room = min(step, size - index)
            arrays = zip(arrays, new).map { old, new in
                var shape = new.shape
                shape[2] = room
                return concatenated([old, MLXArray.zeros(shape, dtype: new.dtype)], axis: 2)
            }
        }
        if index == size { index = keep }
        for (array, update) in zip(arrays, new) {
            array[0..., 0..., index..<index + 1] = update
        }
        index += 1
    }

    /// A mask of a window as long as the cache; the first tokens stay visible.
    public func makeMask(
        count: Int, window: Int?
    ) -> MLXFast.ScaledDotProductAttentionMaskMode {
        if count == 1 { return .none }
        let before = min(size - 1, offset)
        let length = min(window ?? size, size)
        guard before + count > length else { return .causal }
        let mask = createCausalMask(count: count, offset: before, window: length)
        guard keep > 0 else { return .array(mask) }
        let isFirst = arange(0, before + count) .< keep
        return .array(mask .|| (isFirst .&& createCausalMask(count: count, offset: before)))
    }
}
