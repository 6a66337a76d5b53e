import MLX
import MLXNN

/// A layer with an adapter that can be joined with its weight.
public protocol LoRALayer: Module {
    /// The layer with the adapter joined; packed again if it was packed and `dequantize` is false.
    func fused(dequantize: Bool) -> Module

    /// The layer without the adapter.
    var base: Module { get }
}

extension NestedDictionary where Key == String, Element == ModuleValue {
    /// The items but some.
    func without(_ keys: [String]) -> ModuleItems {
        var items = self
        for key in keys { items[key] = nil }
        return items
    }
}

/// The trained part of an adapter of a layer from `inputs` to `outputs`.
struct LowRank {
    let a: MLXArray  // [inputs, rank]
    let b: MLXArray  // [rank, outputs]
    let scale: Float

    /// A part that changes nothing yet; its first matrix is drawn uniformly from ±1/√inputs.
    init(inputs: Int, outputs: Int, rank: Int, scale: Float) {
        let bound = 1 / Float(inputs).squareRoot()
        a = MLXRandom.uniform(low: -bound, high: bound, [inputs, rank])
        b = MLXArray.zeros([rank, outputs])
        self.scale = scale
    }

    /// What is added to a weight [outputs, inputs].
    static func difference(_ a: MLXArray, _ b: MLXArray, _ scale: Float) -> MLXArray {
        matmul(b.T * scale, a.T)
    }
}

/// A linear layer plus a product of two thin matrices, which alone are trained (Hu et al.,
/// arXiv:2106.09685): y = base(x) + scale · (dropout(x) a) b.
public final class LoRALinear: Linear, LoRALayer {
    /// What the product is multiplied by.
    public let scale: Float
    @ModuleInfo private var linear: Linear
    @ModuleInfo private var dropout: Dropout
    @ParameterInfo(key: "lora_a") private var a: MLXArray
    @ParameterInfo(key: "lora_b") private var b: MLXArray

    /// An adapter of a layer, packed or not, that changes nothing yet.
    public init(_ linear: Linear, rank: Int = 8, dropout: Float = 0, scale: Float = 20) {
        self.scale = scale
        super.init(weight: linear.weight, bias: linear.bias)
        self.linear = linear
        self.dropout = Dropout(p: dropout)
        let (outputs, inputs) = linear.shape
        let part = LowRank(inputs: inputs, outputs: outputs, rank: rank, scale: scale)
        (a, b) = (part.a, part.b)
        linear.freeze()
    }

    /// The layer without the adapter.
    public var base: Module { linear }

    /// The sizes of the base's weight, (outputs, inputs).
    public override var shape: (Int, Int) { linear.shape }

    /// Weight and bias are the base's, and no parameters of its own.
    public override func items() -> ModuleItems { super.items().without(["weight", "bias"]) }

    /// The layer with the adapter joined.
    public func fused(dequantize: Bool) -> Module {
        let sum = unpackedWeight(of: linear).asType(.float32) + LowRank.difference(a, b, scale)
        return repacked(sum, like: linear, dequantize: dequantize)
    }

    /// The map of `x`, [..., inputs] to [..., outputs].
    public override func callAsFunction(_ x: MLXArray) -> MLXArray {
        let y = linear(x)
        // The scale is put on the thin product, here and in the derivative.
        let thin = matmul(dropout(x), a.asType(x.dtype)) * scale  // [..., rank]
        return y + matmul(thin, b.asType(x.dtype)).asType(y.dtype)
    }

    /// The base stays frozen.
    public override func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        try super.unfreeze(recursive: false, keys: keys, strict: strict)
    }
}

/// A linear layer with an adapter of its directions, and lengths of their own (Liu et al.,
/// arXiv:2402.09353): each row of the sum of weight and adapter is brought to a length `m`.
public final class DoRALinear: Linear, LoRALayer {
    /// What the adapter's product is multiplied by.
    public let scale: Float
    @ModuleInfo private var linear: Linear
    @ModuleInfo private var dropout: Dropout
    @ParameterInfo(key: "lora_a") private var a: MLXArray
    @ParameterInfo(key: "lora_b") private var b: MLXArray
    @ParameterInfo private var m: MLXArray  // [outputs]

    /// An adapter of a layer, packed or not, that changes nothing yet.
    public init(_ linear: Linear, rank: Int = 8, dropout: Float = 0, scale: Float = 20) {
        self.scale = scale
        super.init(weight: linear.weight, bias: linear.bias)
        self.linear = linear
        self.dropout = Dropout(p: dropout)
        let (outputs, inputs) = linear.shape
        let part = LowRank(inputs: inputs, outputs: outputs, rank: rank, scale: scale)
        (a, b) = (part.a, part.b)
        m = rowLengths(unpackedWeight(of: linear).asType(.float32))
        linear.freeze()
    }

    /// The layer without the adapter.
    public var base: Module { linear }

    /// The sizes of the base's weight, (outputs, inputs).
    public override var shape: (Int, Int) { linear.shape }

    /// Weight and bias are the base's, and no parameters of its own.
    public override func items() -> ModuleItems { super.items().without(["weight", "bias"]) }

    private var sum: MLXArray {
        unpackedWeight(of: linear).asType(.float32) + LowRank.difference(a, b, scale)
    }

    /// The layer with the adapter joined.
    public func fused(dequantize: Bool) -> Module {
        let weight = expandedDimensions(m / rowLengths(sum), axis: 1) * sum
        return repacked(weight, like: linear, dequantize: dequantize)
    }

    /// The map of `x`, [..., inputs] to [..., outputs].
    public override func callAsFunction(_ x: MLXArray) -> MLXArray {
        let weight = unpackedWeight(of: linear)
        let y = matmul(x, weight.T.asType(x.dtype))
        let thin = matmul(dropout(x), a.asType(x.dtype)) * scale  // [..., rank]
        let change = matmul(thin, b.asType(x.dtype))
        // The length counts as a constant in the derivative, as the paper proposes.
        let factors = m / stopGradient(rowLengths(sum))
        let result = (y + change) * factors.asType(y.dtype)
        return linear.bias.map { result + $0 } ?? result
    }

    /// The base stays frozen.
    public override func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        try super.unfreeze(recursive: false, keys: keys, strict: strict)
    }
}

/// The lengths of the rows of a matrix.
private func rowLengths(_ weight: MLXArray) -> MLXArray {
    sqrt((weight * weight).sum(axis: 1))
}

/// A layer of a weight in float32, packed or of the type that another one has.
private func repacked(_ weight: MLXArray, like layer: Linear, dequantize: Bool) -> Linear {
    guard let packed = layer as? QuantizedLinear else {
        return Linear(weight: weight.asType(layer.weight.dtype), bias: layer.bias)
    }
    let typed = weight.asType(unpackedType(packed.scales))
    if dequantize { return Linear(weight: typed, bias: layer.bias) }
    return QuantizedLinear(
        weight: typed, bias: layer.bias, groupSize: packed.groupSize, bits: packed.bits,
        mode: packed.mode)
}
