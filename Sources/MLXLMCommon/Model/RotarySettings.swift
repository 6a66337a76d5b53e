import Foundation

/// How the angles of rotary positions grow, as a model's configuration tells it.
///
/// Both layouts are read: `rope_parameters` of transformers 5, and `rope_theta` with `rope_scaling`
/// before it.
public struct RotarySettings: Equatable, Sendable {
    /// A way to stretch the angles to contexts beyond the training's.
    public enum Scaling: Equatable, Sendable {
        /// Unchanged angles.
        case none
        /// Positions divided by a factor (Chen et al., arXiv:2306.15595).
        case linear(factor: Double)
        /// A base that grows with the length beyond the context of training.
        case dynamic(factor: Double)
        /// Long wavelengths divided by a factor, short ones kept, those between blended.
        case llama3(factor: Double, low: Double, high: Double, original: Double)
        /// The same by a ramp over pairs, with sharper attention (Peng et al., arXiv:2309.00071).
        case yarn(Yarn)
        /// A factor for each pair, of two sets by the length (Ding et al., arXiv:2402.13753).
        case longrope(short: [Double], long: [Double], original: Double, attention: Double)
        /// A factor for each pair.
        case divided([Double])
    }

    /// The numbers of ``Scaling/yarn(_:)``.
    public struct Yarn: Equatable, Sendable {
        var factor: Double
        var original: Double
        var fast = 32.0
        var slow = 1.0
        var attention = 1.0
        var truncates = true
    }

    /// The base of the geometric progression of wavelengths.
    public var base: Double
    /// The part of a head's elements that is turned.
    public var part: Double
    /// How angles are stretched.
    public var scaling: Scaling

    /// Settings with these values.
    public init(base: Double = 10_000, part: Double = 1, scaling: Scaling = .none) {
        self.base = base
        self.part = part
        self.scaling = scaling
    }
}

extension RotarySettings {
    /// Reads `rope_parameters`, or the members of a configuration before them.
    ///
    /// - Parameters:
    ///   - values: the object that holds the rotary keys.
    ///   - base: the base where the object has none.
    ///   - config: the configuration around it, for lengths and parts that stand there.
    init(_ values: ConfigurationObject, base: Double, in config: ConfigurationObject) throws {
        self.base = try values.number("rope_theta") ?? base
        part =
            try values.number("partial_rotary_factor")
            ?? config.number("partial_rotary_factor") ?? 1
        scaling = try Self.scaling(values, in: config)
    }

    private static func scaling(
        _ values: ConfigurationObject, in config: ConfigurationObject
    ) throws -> Scaling {
        let kind = try values.text("rope_type") ?? values.text("type") ?? "default"
        let longest = try config.number("max_position_embeddings") ?? 2048
        let original =
            try values.number("original_max_position_embeddings")
            ?? config.number("original_max_position_embeddings") ?? longest
        func factor() throws -> Double {
            if let factor = try values.number("factor") { return factor }
            guard original > 0, kind == "yarn" || kind == "longrope" || kind == "su" else {
                throw values.refusal("factor", "a number for the type \(kind)")
            }
            return longest / original
        }
        func factors(_ key: String) throws -> [Double] {
            guard let numbers = try values.numbers(key) else {
                throw values.refusal(key, "a list of numbers for the type \(kind)")
            }
            return numbers
        }
        switch kind {
        case "default", "mrope": return .none
        case "linear": return .linear(factor: try factor())
        case "dynamic": return .dynamic(factor: try factor())
        case "llama3":
            return .llama3(
                factor: try factor(), low: try values.number("low_freq_factor") ?? 1,
                high: try values.number("high_freq_factor") ?? 4, original: original)
        case "yarn": return .yarn(try yarn(values, try factor(), original))
        case "longrope", "su":
            let ratio = try factor()
            let usual = ratio <= 1 ? 1 : (1 + log(ratio) / log(original)).squareRoot()
            return .longrope(
                short: try factors("short_factor"),
                long: try factors("long_factor"), original: original,
                attention: try values.number("attention_factor") ?? usual)
        case "divided": return .divided(try factors("factors"))
        default:
            throw values.refusal(
                "rope_type", "default, linear, dynamic, llama3, yarn or longrope, not \(kind)")
        }
    }

    private static func yarn(
        _ values: ConfigurationObject, _ factor: Double, _ original: Double
    ) throws -> Yarn {
        func sharpness(_ weight: Double) -> Double {
            factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1
        }
        var attention = sharpness(1)
        if let weight = try values.number("mscale"), weight != 0,
            let all = try values.number("mscale_all_dim"), all != 0
        {
            attention = sharpness(weight) / sharpness(all)
        }
        return Yarn(
            factor: factor, original: original, fast: try values.number("beta_fast") ?? 32,
            slow: try values.number("beta_slow") ?? 1,
            attention: try values.number("attention_factor") ?? attention,
            truncates: try values.flag("truncate") ?? true)
    }
}
