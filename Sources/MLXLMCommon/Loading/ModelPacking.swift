import MLX
import MLXNN

/// Recipes of mlx-lm that give the layers that matter most more bits than the others.
public enum MixedQuantization: String, CaseIterable, Sendable {
    case mixed_2_6
    case mixed_3_4
    case mixed_3_6
    case mixed_4_6

    /// The bits of most layers, and of those that matter most.
    private var bits: (few: Int, many: Int) {
        switch self {
        case .mixed_2_6: (2, 6)
        case .mixed_3_4: (3, 4)
        case .mixed_3_6: (3, 6)
        case .mixed_4_6: (4, 6)
        }
    }

    /// The bits of a layer: more for the output, and for values and the last matrix of the first and
    /// last eighth of the blocks and every third between.
    func bits(of layer: String, blocks: Int) -> Int {
        let parts = layer.split(separator: ".")
        if layer.contains("lm_head") { return bits.many }
        guard let last = parts.last, last == "v_proj" || last == "down_proj",
            let index = parts.compactMap({ Int($0) }).first
        else { return bits.few }
        let eighth = blocks / 8
        let isChosen = index < eighth || index >= 7 * blocks / 8 || (index - eighth) % 3 == 2
        return isChosen ? bits.many : bits.few
    }
}

extension ModelQuantization.Format {
    /// A format with a mode's defaults where nothing else is said.
    public init(mode: QuantizationMode, groupSize: Int?, bits: Int?) {
        let usual: (Int, Int) =
            switch mode {
            case .affine: (64, 4)
            case .mxfp4: (32, 4)
            case .mxfp8: (32, 8)
            case .nvfp4: (16, 4)
            }
        self.init(groupSize: groupSize ?? usual.0, bits: bits ?? usual.1, mode: mode)
    }
}

/// Packs the linear layers and embeddings of a model whose rows are whole groups, and tells how.
///
/// Throws ``LanguageModelError/option(_:)`` for a format that there is not.
public func pack(
    _ model: any LanguageModel, _ format: ModelQuantization.Format,
    mixed: MixedQuantization? = nil
) throws -> ModelQuantization {
    let known: (groups: [Int], bits: [Int]) =
        switch format.mode {
        case .affine: ([32, 64, 128], [2, 3, 4, 5, 6, 8])
        case .mxfp4: ([32], [4])
        case .mxfp8: ([32], [8])
        case .nvfp4: ([16], [4])
        }
    guard known.groups.contains(format.groupSize), known.bits.contains(format.bits) else {
        throw LanguageModelError.option(
            "the mode \(format.mode) has groups of \(known.groups) and bits of \(known.bits), got "
                + "\(format.groupSize) and \(format.bits)")
    }
    if mixed != nil, format.mode != .affine {
        throw LanguageModelError.option("bits by layer go with the mode affine alone")
    }
    var quantization = ModelQuantization(usual: format)
    quantize(
        model: model,
        filter: { name, layer in
            let columns: Int
            switch layer {
            case let linear as Linear: columns = linear.shape.1
            case let embedding as Embedding: columns = embedding.shape.1
            default: return nil
            }
            guard columns % format.groupSize == 0 else { return nil }
            let bits = mixed?.bits(of: name, blocks: model.blocks.count) ?? format.bits
            if bits != format.bits {
                var own = format
                own.bits = bits
                quantization.layers[name] = own
            }
            return (format.groupSize, bits, format.mode)
        })
    return quantization
}

/// Unpacks all packed layers of a model.
public func unpack(_ model: any LanguageModel) {
    let layers = model.leafModules().flattened().compactMap { name, layer -> (String, Module)? in
        switch layer {
        case let packed as QuantizedLinear:
            let weight = unpackedWeight(of: packed).asType(unpackedType(packed.scales))
            return (name, Linear(weight: weight, bias: packed.bias))
        case let packed as QuantizedEmbedding:
            return (name, Embedding(weight: packed(arange(packed.shape.0))))
        default: return nil
        }
    }
    model.update(modules: .unflattened(layers))
}

extension LanguageModel {
    /// The number of weights, those of packed layers as if they were not.
    public var parameterCount: Int {
        modules().reduce(0) { sum, module in
            if let packed = module as? QuantizedLinear {
                return sum + packed.shape.0 * packed.shape.1 + (packed.bias?.size ?? 0)
            }
            if let packed = module as? QuantizedEmbedding {
                return sum + packed.shape.0 * packed.shape.1
            }
            let own = module.filterMap(
                filter: Module.filterLocalParameters, map: Module.mapParameters { $0.size })
            return sum + own.flattenedValues().reduce(0, +)
        }
    }
}

/// The weight of a layer, [outputs, inputs]; float32 if it is packed.
func unpackedWeight(of layer: Linear) -> MLXArray {
    guard let packed = layer as? QuantizedLinear else { return layer.weight }
    return dequantized(
        packed.weight, scales: packed.scales, biases: packed.biases, groupSize: packed.groupSize,
        bits: packed.bits, mode: packed.mode, globalScale: packed.globalScale, dtype: .float32)
}

/// The type that the unpacked weights of a layer are kept in.
func unpackedType(_ scales: MLXArray) -> DType {
    scales.dtype.isFloatingPoint ? scales.dtype : .bfloat16
}
