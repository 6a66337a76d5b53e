import MLX
import MLXNN

/// How the weights of a linear layer are dealt to the ranks of a group.
public enum LinearSharding: Sendable {
    /// Each rank has some of the outputs: from an input that all have to a part of the result.
    case allToSharded
    /// Each rank has some of the inputs: from a part of the input to a result that all have.
    case shardedToAll
}

/// A linear layer of which each rank of a group holds some of the outputs.
///
/// The input, [..., inputs], is the same on all ranks; each computes its part of the result,
/// [..., outputs / size]. The gradient of the input is summed over the ranks.
open class AllToShardedLinear: Module, UnaryLayer {
    /// [outputs / size, inputs].
    public let weight: MLXArray

    /// [outputs / size], or nil.
    public let bias: MLXArray?

    private let group: Group

    /// A layer from `inputDimensions` to `outputDimensions` features over all ranks; the second
    /// must be a multiple of the group's size.
    ///
    /// Every rank draws the whole layer from the same random state and keeps its part.
    public convenience init(
        _ inputDimensions: Int, _ outputDimensions: Int, bias: Bool = true, group: Group
    ) {
        self.init(Linear(inputDimensions, outputDimensions, bias: bias), group: group)
    }

    /// This rank's part of a layer; each of `segments` equal parts of the outputs is dealt by
    /// itself, as where one weight holds queries, keys and values.
    public init(_ linear: Linear, segments: Int = 1, group: Group) {
        weight = linear.weight.shard(axis: 0, segments: segments, group: group)
        bias = linear.bias.map { $0.shard(axis: 0, segments: segments, group: group) }
        self.group = group
    }

    /// The map of `x`, [..., inputs] to [..., outputs / size].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = matmul(sumGradients(x, group: group), weight.T)
        return bias.map { product + $0 } ?? product
    }
}

/// A linear layer of which each rank of a group holds some of the inputs.
///
/// Each rank brings its part of the input, [..., inputs / size]; the result, [..., outputs], is
/// summed over the ranks and the same on all.
open class ShardedToAllLinear: Module, UnaryLayer {
    /// [outputs, inputs / size].
    public let weight: MLXArray

    /// [outputs], the same on all ranks, or nil.
    public let bias: MLXArray?

    private let group: Group

    /// A layer from `inputDimensions` features over all ranks, a multiple of the group's size, to
    /// `outputDimensions`.
    ///
    /// Every rank draws the whole layer from the same random state and keeps its part.
    public convenience init(
        _ inputDimensions: Int, _ outputDimensions: Int, bias: Bool = true, group: Group
    ) {
        self.init(Linear(inputDimensions, outputDimensions, bias: bias), group: group)
    }

    /// This rank's part of a layer; each of `segments` equal parts of the inputs is dealt by itself.
    public init(_ linear: Linear, segments: Int = 1, group: Group) {
        weight = linear.weight.shard(axis: 1, segments: segments, group: group)
        bias = linear.bias
        self.group = group
    }

    /// The map of `x`, [..., inputs / size] to [..., outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = allSum(matmul(x, weight.T), group: group)
        return bias.map { product + $0 } ?? product
    }
}

/// This rank's part of a linear layer, quantized if that is.
public func shardLinear(
    _ linear: Linear, sharding: LinearSharding, segments: Int = 1, group: Group
) -> any UnaryLayer {
    switch (sharding, linear as? QuantizedLinear) {
    case (.allToSharded, nil): AllToShardedLinear(linear, segments: segments, group: group)
    case (.shardedToAll, nil): ShardedToAllLinear(linear, segments: segments, group: group)
    case (.allToSharded, let quantized?):
        QuantizedAllToShardedLinear(quantized, segments: segments, group: group)
    case (.shardedToAll, let quantized?):
        QuantizedShardedToAllLinear(quantized, segments: segments, group: group)
    }
}

/// The mean of the gradients of all ranks, nested as they are; half types are summed as float32.
///
/// They travel together, up to `bucketBytes` of one type at a time, the last ones first. All ranks
/// give the same names, shapes and types. For a training loop a ``GradientReducer``, which keeps its
/// memory, is faster; this one may stand in compiled functions.
public func averageGradients(
    _ gradients: ModuleParameters, bucketBytes: Int = 32 << 20, group: Group
) -> ModuleParameters {
    guard group.size > 1 else { return gradients }
    let arrays = gradients.flattenedValues()
    let tensors = arrays.map { (name: "", byteCount: $0.nbytes, dtype: $0.dtype) }
    let plan = Buckets(tensors, capacity: bucketBytes, firstCapacity: bucketBytes)
    var means = arrays
    for bucket in plan.buckets {
        let parts = bucket.indices.map { arrays[$0].reshaped([arrays[$0].size]) }
        let whole = parts.count == 1 ? parts[0] : concatenated(parts)
        let mean = allSum(whole, group: group) / Float(group.size)
        var start = 0
        for index in bucket.indices {
            let end = start + arrays[index].size
            means[index] = mean[start..<end].reshaped(arrays[index].shape)
            start = end
        }
    }
    return gradients.replacingValues(with: means)
}

extension MLXArray {
    /// This rank's part of an axis, of which each of `segments` equal parts is dealt by itself.
    func shard(axis: Int, segments: Int, group: Group) -> MLXArray {
        precondition(
            dim(axis).isMultiple(of: segments * group.size),
            "[shardLinear] axis \(axis) of \(shape) is no multiple of \(segments * group.size)")
        let parts = MLX.split(self, parts: segments, axis: axis).map {
            MLX.split($0, parts: group.size, axis: axis)[group.rank]
        }
        let part = parts.count == 1 ? parts[0] : concatenated(parts, axis: axis)
        // A copy, so that the memory of the whole can go.
        return MLX.contiguous(part)
    }
}
