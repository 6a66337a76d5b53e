import MLX

/// A table of vectors that is quantized, looked up by whole numbers.
///
/// All parameters are frozen, and stay so.
open class QuantizedEmbedding: Embedding, Quantized {
    /// The elements of a vector that share a scale.
    public let groupSize: Int

    /// The bits of a code of the table.
    public let bits: Int

    /// How codes and scales stand for numbers.
    public let mode: QuantizationMode

    /// [count, dimensions / groupSize].
    public let scales: MLXArray

    /// [count, dimensions / groupSize] in the affine mode, or nil.
    public let biases: MLXArray?

    /// For nvfp4 one number that the scales are relative to, or nil: vectors and products are
    /// multiplied by globalScale / 2688.
    @ParameterInfo(key: "global_scale") public private(set) var globalScale: MLXArray?

    /// The sizes of the table before it was packed, (count, dimensions).
    open override var shape: (Int, Int) {
        let (count, words) = weight.shape2
        return (count, words * 32 / bits)
    }

    /// A table of `embeddingCount` vectors, drawn as ``Embedding`` draws it.
    public convenience init(
        embeddingCount: Int, dimensions: Int, groupSize: Int = 64, bits: Int = 4,
        mode: QuantizationMode = .affine
    ) {
        self.init(
            Embedding(embeddingCount: embeddingCount, dimensions: dimensions),
            groupSize: groupSize, bits: bits, mode: mode)
    }

    /// The quantized form of a table.
    public convenience init(
        _ other: Embedding, groupSize: Int = 64, bits: Int = 4, mode: QuantizationMode = .affine
    ) {
        self.init(weight: other.weight, groupSize: groupSize, bits: bits, mode: mode)
    }

    /// A table with the given vectors, [count, dimensions], quantized here.
    public init(
        weight: MLXArray, groupSize: Int = 64, bits: Int = 4, mode: QuantizationMode = .affine,
        globalScale: MLXArray? = nil
    ) {
        let packed = quantized(
            weight, groupSize: groupSize, bits: bits, mode: mode, globalScale: globalScale)
        (self.groupSize, self.bits, self.mode) = (groupSize, bits, mode)
        (scales, biases) = (packed.scales, packed.biases)
        _globalScale = ParameterInfo(wrappedValue: globalScale, key: "global_scale")
        super.init(weight: packed.wq)
        freeze()
    }

    /// A table that is quantized already.
    public init(
        weight: MLXArray, scales: MLXArray, biases: MLXArray?, groupSize: Int, bits: Int,
        mode: QuantizationMode = .affine, globalScale: MLXArray? = nil
    ) {
        (self.groupSize, self.bits, self.mode) = (groupSize, bits, mode)
        (self.scales, self.biases) = (scales, biases)
        _globalScale = ParameterInfo(wrappedValue: globalScale, key: "global_scale")
        super.init(weight: weight)
        freeze()
    }

    /// Lets modules below this one be trained again; the table stays frozen.
    public override func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        try super.unfreeze(recursive: recursive, keys: keys, strict: strict)
        freeze(recursive: false)
    }

    /// The vectors with the numbers `x`, [...] to [..., dimensions], of the scales' type, or
    /// bfloat16 where scales are bytes.
    open override func callAsFunction(_ x: MLXArray) -> MLXArray {
        let numbers = flattened(x)
        let rows = dequantized(
            take(weight, numbers, axis: 0), scales: take(scales, numbers, axis: 0),
            biases: biases.map { take($0, numbers, axis: 0) }, groupSize: groupSize, bits: bits,
            mode: mode, globalScale: globalScale)  // [numbers, dimensions]
        return reshaped(rows, x.shape + [shape.1])
    }

    /// The products of `x` with all vectors, [..., dimensions] to [..., count].
    open override func asLinear(_ x: MLXArray) -> MLXArray {
        quantizedMM(
            x, weight, scales: scales, biases: biases, groupSize: groupSize, bits: bits,
            mode: mode
        ).scaled(by: globalScale)
    }
}
