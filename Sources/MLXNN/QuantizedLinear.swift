import MLX

/// An affine map of the last axis whose weight is quantized: x · weightᵀ + bias.
///
/// All parameters are frozen, and stay so.
open class QuantizedLinear: Linear, Quantized {
    /// The elements of the weight that share a scale.
    public let groupSize: Int

    /// The bits of a code of the weight.
    public let bits: Int

    /// How codes and scales stand for numbers.
    public let mode: QuantizationMode

    /// [outputs, inputs / groupSize].
    public let scales: MLXArray

    /// [outputs, inputs / groupSize] in the affine mode, or nil.
    public let biases: MLXArray?

    /// For nvfp4 one number that the scales are relative to, or nil: the product is multiplied by
    /// globalScale / 2688.
    @ParameterInfo(key: "global_scale") public private(set) var globalScale: MLXArray?

    /// The sizes of the weight before it was packed, (outputs, inputs).
    open override var shape: (Int, Int) {
        let (outputs, words) = weight.shape2
        return (outputs, words * 32 / bits)
    }

    /// A layer from `inputDimensions` to `outputDimensions` features, drawn as ``Linear`` draws it.
    public convenience init(
        _ inputDimensions: Int, _ outputDimensions: Int, bias: Bool = true, groupSize: Int = 64,
        bits: Int = 4, mode: QuantizationMode = .affine
    ) {
        self.init(
            Linear(inputDimensions, outputDimensions, bias: bias), groupSize: groupSize, bits: bits,
            mode: mode)
    }

    /// The quantized form of a layer.
    public convenience init(
        _ other: Linear, groupSize: Int = 64, bits: Int = 4, mode: QuantizationMode = .affine
    ) {
        self.init(
            weight: other.weight, bias: other.bias, groupSize: groupSize, bits: bits, mode: mode)
    }

    /// A layer with the given parameters, [outputs, inputs] and [outputs], quantized here.
    public init(
        weight: MLXArray, bias: MLXArray?, groupSize: Int = 64, bits: Int = 4,
        mode: QuantizationMode = .affine, globalScale: MLXArray? = nil
    ) {
        let packed = quantized(
            weight, groupSize: groupSize, bits: bits, mode: mode, globalScale: globalScale)
        (self.groupSize, self.bits, self.mode) = (groupSize, bits, mode)
        (scales, biases) = (packed.scales, packed.biases)
        _globalScale = ParameterInfo(wrappedValue: globalScale, key: "global_scale")
        super.init(weight: packed.wq, bias: bias)
        freeze()
    }

    /// A layer with parameters that are quantized already.
    public init(
        weight: MLXArray, bias: MLXArray? = nil, scales: MLXArray, biases: MLXArray?,
        groupSize: Int, bits: Int, mode: QuantizationMode = .affine, globalScale: MLXArray? = nil
    ) {
        (self.groupSize, self.bits, self.mode) = (groupSize, bits, mode)
        (self.scales, self.biases) = (scales, biases)
        _globalScale = ParameterInfo(wrappedValue: globalScale, key: "global_scale")
        super.init(weight: weight, bias: bias)
        freeze()
    }

    /// Lets modules below this one be trained again; the layer's own parameters stay frozen.
    public override func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        try super.unfreeze(recursive: recursive, keys: keys, strict: strict)
        freeze(recursive: false)
    }

    /// The map of `x`, [..., inputs] to [..., outputs].
    open override func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = quantizedMM(
            x, weight, scales: scales, biases: biases, groupSize: groupSize, bits: bits,
            mode: mode
        ).scaled(by: globalScale)  // [..., outputs]
        return bias.map { product + $0 } ?? product
    }

    /// The quantized form of a layer.
    @available(*, deprecated, renamed: "init(_:groupSize:bits:mode:)")
    public static func from(
        linear: Linear, groupSize: Int = 64, bits: Int = 4
    ) -> QuantizedLinear {
        QuantizedLinear(linear, groupSize: groupSize, bits: bits)
    }

    /// Replaces the linear layers of a model that `predicate` takes by their quantized forms.
    @available(*, deprecated, message: "use quantize(model:groupSize:bits:mode:filter:apply:)")
    public static func quantize(
        model: Module, groupSize: Int = 64, bits: Int = 4,
        predicate: (Linear) -> Bool = { _ in true }
    ) {
        MLXNN.quantize(
            model: model, groupSize: groupSize, bits: bits, mode: .affine,
            filter: { _, layer in (layer as? Linear).map(predicate) ?? false })
    }
}
