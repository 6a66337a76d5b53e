import Foundation
import MLX

/// Rotary positions with every way of stretching them that ``RotarySettings`` knows.
///
/// Pairs are elements half of the turned part apart, as in the weights of transformers.
public final class RotaryEmbedding: Sendable {
    private let settings: RotarySettings
    /// How many elements of a head are turned.
    private let dimensions: Int
    private let context: Double
    /// What the turned part is multiplied by.
    private let sharpness: Float
    /// One over each pair's angle, for lengths up to ``threshold`` and beyond it.
    private let short: Wavelengths
    private let long: Wavelengths?
    private let threshold: Double

    /// An embedding for heads of a size.
    ///
    /// - Parameters:
    ///   - headSize: the elements of a head.
    ///   - context: the longest sequence that the model was trained for.
    public init(_ settings: RotarySettings, headSize: Int, context: Int) {
        self.settings = settings
        self.context = Double(context)
        dimensions = Int(Double(headSize) * settings.part)
        let wavelengths = Wavelengths(settings.base, dimensions)
        switch settings.scaling {
        case .none, .dynamic: (short, long) = (wavelengths, nil)
        case .linear(let factor):
            (short, long) = (wavelengths.map { $1 * factor }, nil)
        case .llama3(let factor, let low, let high, let original):
            (short, long) = (wavelengths.banded(factor, low, high, original), nil)
        case .yarn(let yarn): (short, long) = (wavelengths.ramped(yarn, settings.base), nil)
        case .longrope(let few, let many, _, _):
            short = wavelengths.map { $1 * ($0 < few.count ? few[$0] : 1) }
            long = wavelengths.map { $1 * ($0 < many.count ? many[$0] : 1) }
        case .divided(let divisors):
            (short, long) = (wavelengths.map { $1 * ($0 < divisors.count ? divisors[$0] : 1) }, nil)
        }
        switch settings.scaling {
        case .yarn(let yarn): (sharpness, threshold) = (Float(yarn.attention), .infinity)
        case .longrope(_, _, let original, let attention):
            (sharpness, threshold) = (Float(attention), original)
        default: (sharpness, threshold) = (1, .infinity)
        }
    }

    /// The turned `x`, [B, heads, T, D], whose first element stands at the position `offset`.
    public func callAsFunction(_ x: MLXArray, offset: Int) -> MLXArray {
        self(x, offset: MLXArray(offset), length: offset + x.dim(2))
    }

    /// The turned `x`, [B, heads, T, D]; `offset` holds a position for each of the B sequences, or
    /// one for all, and `length` is that of the longest sequence.
    public func callAsFunction(_ x: MLXArray, offset: MLXArray, length: Int) -> MLXArray {
        let turned = MLXFast.RoPE(
            x, dimensions: dimensions, traditional: false, base: nil, scale: 1, offset: offset,
            freqs: wavelengths(length).array)
        if sharpness == 1 { return turned }
        if dimensions == x.dim(3) { return turned * sharpness }
        let parts = split(turned, indices: [dimensions], axis: 3)
        return concatenated([parts[0] * sharpness, parts[1]], axis: 3)
    }

    /// The angles between two positions for a sequence of a length, [1, pairs]; nil where the turned
    /// part is scaled too.
    package func angles(length: Int) -> MLXArray? {
        sharpness == 1 ? wavelengths(length).angles : nil
    }

    /// Whether the angles are the same for all lengths up to this one, and nothing is scaled beside.
    package func turnsAlike(upTo length: Int) -> Bool {
        if case .dynamic = settings.scaling { return Double(length) <= context }
        return sharpness == 1 && (long == nil || Double(length) <= threshold)
    }

    private func wavelengths(_ length: Int) -> Wavelengths {
        if case .dynamic(let factor) = settings.scaling, Double(length) > context {
            let stretch = factor * Double(length) / context - (factor - 1)
            let exponent = Double(dimensions) / Double(dimensions - 2)
            return Wavelengths(settings.base * pow(stretch, exponent), dimensions)
        }
        if let long, Double(length) > threshold { return long }
        return short
    }
}

/// One over the angle of each pair from one position to the next.
private struct Wavelengths: @unchecked Sendable {
    // Unchecked: the arrays are computed at the start and never changed.
    private let values: [Double]
    let array: MLXArray
    /// One over each, [1, pairs].
    let angles: MLXArray

    init(_ base: Double, _ dimensions: Int) {
        self.init(
            stride(from: 0, to: dimensions, by: 2).map {
                pow(base, Double($0) / Double(dimensions))
            })
    }

    private init(_ values: [Double]) {
        self.values = values
        array = MLXArray(converting: values)
        angles = expandedDimensions(reciprocal(array), axis: 0)
        eval(array, angles)
    }

    func map(_ transform: (Int, Double) -> Double) -> Wavelengths {
        Wavelengths(values.enumerated().map(transform))
    }

    /// The bands of Llama 3.1.
    func banded(
        _ factor: Double, _ low: Double, _ high: Double, _ original: Double
    ) -> Wavelengths {
        map { _, value in
            let turn = 2 * Double.pi * value
            if turn > original / low { return value * factor }
            if turn < original / high { return value }
            let smooth = (original / turn - low) / (high - low)
            return value / ((1 - smooth) / factor + smooth)
        }
    }

    /// The ramp of YaRN, between the pairs that turn `fast` and `slow` times in the context.
    func ramped(_ yarn: RotarySettings.Yarn, _ base: Double) -> Wavelengths {
        let dimensions = Double(2 * values.count)
        func place(_ turns: Double) -> Double {
            dimensions * log(yarn.original / (turns * 2 * Double.pi)) / (2 * log(base))
        }
        var (low, high) = (place(yarn.fast), place(yarn.slow))
        if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, dimensions - 1))
        if low == high { high += 0.001 }
        return map { index, value in
            let ramp = min(max((Double(index) - low) / (high - low), 0), 1)
            return value / (ramp / yarn.factor + 1 - ramp)
        }
    }
}
