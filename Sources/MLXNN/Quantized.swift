import MLX

/// A layer that has a quantized form.
public protocol Quantizable {
    /// The quantized form in the affine mode.
    @available(*, deprecated, renamed: "toQuantized(groupSize:bits:mode:)")
    func toQuantized(groupSize: Int, bits: Int) -> Module

    /// The quantized form, with groups of so many elements and codes of so many bits.
    func toQuantized(groupSize: Int, bits: Int, mode: QuantizationMode) -> Module
}

extension Quantizable {
    /// The quantized form in the affine mode.
    public func toQuantized(groupSize: Int, bits: Int) -> Module {
        toQuantized(groupSize: groupSize, bits: bits, mode: .affine)
    }
}

/// A layer whose weight is quantized.
public protocol Quantized: Module {
    /// The elements that share a scale.
    var groupSize: Int { get }

    /// The bits of a code.
    var bits: Int { get }

    /// How codes and scales stand for numbers.
    var mode: QuantizationMode { get }
}

extension Linear: Quantizable {
    /// A ``QuantizedLinear`` of this layer's weight and bias.
    public func toQuantized(groupSize: Int, bits: Int, mode: QuantizationMode) -> Module {
        QuantizedLinear(self, groupSize: groupSize, bits: bits, mode: mode)
    }
}

extension Embedding: Quantizable {
    /// A ``QuantizedEmbedding`` of this layer's table.
    public func toQuantized(groupSize: Int, bits: Int, mode: QuantizationMode) -> Module {
        QuantizedEmbedding(self, groupSize: groupSize, bits: bits, mode: mode)
    }
}

/// The quantized form of a layer; nil for one that has none, or that is quantized already.
public func quantizeSingle(
    layer: Module, groupSize: Int = 64, bits: Int = 4, mode: QuantizationMode = .affine
) -> (any Quantized)? {
    if layer is any Quantized { return nil }
    let quantizable = layer as? any Quantizable
    return quantizable?.toQuantized(groupSize: groupSize, bits: bits, mode: mode) as? any Quantized
}

/// Replaces layers of a model by their quantized forms; their properties must be ``ModuleInfo``.
///
/// - Parameters:
///   - groupSize: the elements that share a scale
///   - bits: the bits of a code
///   - mode: how codes and scales stand for numbers
///   - filter: tells of a layer without children, by its dotted name, whether to quantize it
///   - apply: gives what takes a layer's place; nil leaves it
public func quantize(
    model: Module, groupSize: Int = 64, bits: Int = 4, mode: QuantizationMode = .affine,
    filter: (String, Module) -> Bool = { _, _ in true },
    apply: (Module, Int, Int, QuantizationMode) -> Module? = quantizeSingle(
        layer:groupSize:bits:mode:)
) {
    quantize(
        model: model, filter: { filter($0, $1) ? (groupSize, bits, mode) : nil }, apply: apply)
}

/// See ``quantize(model:groupSize:bits:mode:filter:apply:)``.
@available(*, deprecated, renamed: "quantize(model:groupSize:bits:mode:filter:apply:)")
@_disfavoredOverload
public func quantize(
    model: Module, groupSize: Int = 64, bits: Int = 4,
    filter: (String, Module) -> Bool = { _, _ in true },
    apply: (Module, Int, Int) -> Module? = {
        quantizeSingle(layer: $0, groupSize: $1, bits: $2, mode: .affine)
    }
) {
    quantize(
        model: model, groupSize: groupSize, bits: bits, mode: .affine, filter: filter,
        apply: { layer, groupSize, bits, _ in apply(layer, groupSize, bits) })
}

/// Replaces layers of a model by their quantized forms, each in a format of its own.
///
/// - Parameters:
///   - filter: gives the format for a layer without children, by its dotted name; nil leaves it
///   - apply: gives what takes a layer's place; nil leaves it
public func quantize(
    model: Module,
    filter: (String, Module) -> (groupSize: Int, bits: Int, mode: QuantizationMode)?,
    apply: (Module, Int, Int, QuantizationMode) -> Module? = quantizeSingle(
        layer:groupSize:bits:mode:)
) {
    let updates = model.leafModules().flattened().compactMap { name, layer in
        filter(name, layer).flatMap { format in
            apply(layer, format.groupSize, format.bits, format.mode).map { (name, $0) }
        }
    }
    model.update(modules: .unflattened(updates))
}

/// See ``quantize(model:filter:apply:)-(_,_,(Module,Int,Int,QuantizationMode)->Module?)``.
@available(*, deprecated, renamed: "quantize(model:filter:apply:)")
@_disfavoredOverload
public func quantize(
    model: Module, filter: (String, Module) -> (groupSize: Int, bits: Int)?,
    apply: (Module, Int, Int) -> Module? = {
        quantizeSingle(layer: $0, groupSize: $1, bits: $2, mode: .affine)
    }
) {
    quantize(
        model: model,
        filter: { name, layer in
            filter(name, layer).map { ($0.groupSize, $0.bits, QuantizationMode.affine) }
        },
        apply: { layer, groupSize, bits, _ in apply(layer, groupSize, bits) })
}

extension MLXArray {
    /// This array times what a global scale of nvfp4 stands for: over the largest scale, 448, times
    /// the largest element, 6.
    func scaled(by globalScale: MLXArray?) -> MLXArray {
        guard let globalScale else { return self }
        return (self * (globalScale / 2688)).asType(dtype)
    }
}
