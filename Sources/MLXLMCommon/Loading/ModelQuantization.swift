import MLX

/// Which layers of a model are packed, and how, as `config.json` of MLX tells it.
public struct ModelQuantization: Equatable, Sendable {
    /// How one layer is packed.
    public struct Format: Equatable, Sendable {
        /// The elements that share a scale.
        public var groupSize: Int
        /// The bits of a code.
        public var bits: Int
        /// How codes and scales stand for numbers.
        public var mode: QuantizationMode

        /// A format with these values.
        public init(groupSize: Int = 64, bits: Int = 4, mode: QuantizationMode = .affine) {
            (self.groupSize, self.bits, self.mode) = (groupSize, bits, mode)
        }
    }

    /// The format of layers without one of their own.
    public var usual: Format
    /// The formats of single layers by their dotted names; nil for a layer that is not packed.
    public var layers: [String: Format?]

    /// A quantization with these formats.
    public init(usual: Format, layers: [String: Format?] = [:]) {
        (self.usual, self.layers) = (usual, layers)
    }

    /// Reads the object `quantization`, or `quantization_config`, of a configuration; nil where
    /// there is none of MLX's kind.
    init?(_ config: ConfigurationObject) throws {
        guard
            let values = try config.object("quantization")
                ?? config.object("quantization_config"),
            values.has("bits") || values.has("quant_method")
        else { return nil }
        if let method = try values.text("quant_method"), method != "affine" {
            throw LanguageModelError.malformed(
                config.source,
                reason: "the weights are packed by \(method), which can't be read: "
                    + "take the model unpacked, or packed by MLX")
        }
        usual = try Self.format(values, Format())
        layers = [:]
        for key in values.keys {
            guard let value = values[key] else { continue }
            if value.asFlag == false {
                layers[key] = .some(nil)
            } else if case .object = value, let own = try values.object(key) {
                layers[key] = try Self.format(own, usual)
            }
        }
    }

    private static func format(_ values: ConfigurationObject, _ usual: Format) throws -> Format {
        let mode = try values.text("mode") ?? usual.mode.rawValue
        guard let known = QuantizationMode(rawValue: mode) else {
            throw values.refusal("mode", "affine, mxfp4, mxfp8 or nvfp4, not \(mode)")
        }
        return Format(
            groupSize: try values.count("group_size", default: usual.groupSize),
            bits: try values.count("bits", default: usual.bits), mode: known)
    }

    /// The format of a layer; nil for one that is not packed.
    func format(of layer: String) -> Format? { layers[layer] ?? usual }

    /// The object that a configuration holds.
    var encoded: ConfigurationValue {
        func members(_ format: Format) -> [String: ConfigurationValue] {
            [
                "group_size": .integer(format.groupSize), "bits": .integer(format.bits),
                "mode": .text(format.mode.rawValue),
            ]
        }
        var result = members(usual)
        for (name, format) in layers {
            result[name] = format.map { .object(members($0)) } ?? .flag(false)
        }
        return .object(result)
    }
}

extension ConfigurationObject {
    /// The names of the members.
    var keys: [String] { members.keys.sorted() }

    /// Whether a member is there and not null.
    func has(_ key: String) -> Bool { self[key] != nil }
}
