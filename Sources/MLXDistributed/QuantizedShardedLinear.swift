import MLX
import MLXNN

/// This rank's part of a ``QuantizedLinear``, whose parameters stay frozen.
open class QuantizedShardedLinear: Module, Quantized {
    /// The elements of the weight that share a scale.
    public let groupSize: Int

    /// The bits of a code of the weight.
    public let bits: Int

    /// How codes and scales stand for numbers.
    public let mode: QuantizationMode

    /// The codes of this rank's part.
    public let weight: MLXArray

    /// The scales of this rank's part.
    public let scales: MLXArray

    /// The offsets of this rank's part in the affine mode, or nil.
    public let biases: MLXArray?

    /// What the scales are relative to, the same on all ranks, or nil.
    @ParameterInfo(key: "global_scale") public private(set) var globalScale: MLXArray?

    /// What is added to the product, or nil.
    public let bias: MLXArray?

    let group: Group

    /// Deals an axis of the parameters; `bias` is this rank's.
    init(_ linear: QuantizedLinear, axis: Int, bias: MLXArray?, segments: Int, group: Group) {
        (groupSize, bits, mode) = (linear.groupSize, linear.bits, linear.mode)
        weight = linear.weight.shard(axis: axis, segments: segments, group: group)
        scales = linear.scales.shard(axis: axis, segments: segments, group: group)
        biases = linear.biases.map { $0.shard(axis: axis, segments: segments, group: group) }
        _globalScale = ParameterInfo(wrappedValue: linear.globalScale, key: "global_scale")
        self.bias = bias
        self.group = group
        super.init()
        freeze()
    }

    /// Lets modules below this one be trained again; the layer's own parameters stay frozen.
    public override func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        try super.unfreeze(recursive: recursive, keys: keys, strict: strict)
        freeze(recursive: false)
    }

    /// The product with this rank's part of the weight.
    func product(_ x: MLXArray) -> MLXArray {
        let product = quantizedMM(
            x, weight, scales: scales, biases: biases, groupSize: groupSize, bits: bits,
            mode: mode)
        // nvfp4: the largest scale, 448, times the largest element, 6.
        return globalScale.map { (product * ($0 / 2688)).asType(product.dtype) } ?? product
    }
}

/// A quantized linear layer of which each rank of a group holds some of the outputs; see
/// ``AllToShardedLinear``.
open class QuantizedAllToShardedLinear: QuantizedShardedLinear, UnaryLayer {
    /// A layer from `inputDimensions` to `outputDimensions` features over all ranks; the second
    /// must be a multiple of the group's size.
    ///
    /// Every rank draws the whole layer from the same random state and keeps its part.
    public convenience init(
        _ inputDimensions: Int, _ outputDimensions: Int, bias: Bool = true, groupSize: Int = 64,
        bits: Int = 4, mode: QuantizationMode = .affine, group: Group
    ) {
        self.init(
            QuantizedLinear(
                inputDimensions, outputDimensions, bias: bias, groupSize: groupSize, bits: bits,
                mode: mode), group: group)
    }

    /// This rank's part of a layer; each of `segments` equal parts of the outputs is dealt by
    /// itself.
    public init(_ linear: QuantizedLinear, segments: Int = 1, group: Group) {
        let bias = linear.bias.map { $0.shard(axis: 0, segments: segments, group: group) }
        super.init(linear, axis: 0, bias: bias, segments: segments, group: group)
    }

    /// The map of `x`, [..., inputs] to [..., outputs / size].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = product(sumGradients(x, group: group))
        return bias.map { product + $0 } ?? product
    }
}

/// A quantized linear layer of which each rank of a group holds some of the inputs; see
/// ``ShardedToAllLinear``.
open class QuantizedShardedToAllLinear: QuantizedShardedLinear, UnaryLayer {
    /// A layer from `inputDimensions` features over all ranks to `outputDimensions`; each rank's
    /// part of the first must be a multiple of `groupSize`.
    ///
    /// Every rank draws the whole layer from the same random state and keeps its part.
    public convenience init(
        _ inputDimensions: Int, _ outputDimensions: Int, bias: Bool = true, groupSize: Int = 64,
        bits: Int = 4, mode: QuantizationMode = .affine, group: Group
    ) {
        self.init(
            QuantizedLinear(
                inputDimensions, outputDimensions, bias: bias, groupSize: groupSize, bits: bits,
                mode: mode), group: group)
    }

    /// This rank's part of a layer; each of `segments` equal parts of the inputs is dealt by itself.
    public init(_ linear: QuantizedLinear, segments: Int = 1, group: Group) {
        super.init(linear, axis: 1, bias: linear.bias, segments: segments, group: group)
    }

    /// The map of `x`, [..., inputs / size] to [..., outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = allSum(product(x), group: group)
        return bias.map { product + $0 } ?? product
    }
}
