import MLX
import TestSupport

/// Samples of float32, and how far results on them may lie from exact ones.
enum FloatSamples {
    /// Sizes where functions and roundings change.
    private static let sizes: [Float] = [
        0, 0.5, 1, 1.5, 2, 3, 4, 5, 7.25, 100, 149, 0x1.fffffep-1, 0x1.000002p0, 0.33333334,
        .pi, 0x1p-149, 0x1p-126, 1e-30, 1e-10, 0x1.fffffep22, 0x1p24, 0x1.fffffep23, 0x1p20,
        1e10, 0x1p53, 1e30, .greatestFiniteMagnitude, .infinity,
    ]

    static let special: [Float] = sizes + sizes.map { -$0 } + [.nan]

    /// Every 65,521st of all patterns of bits.
    static func patterns() -> [Float] {
        stride(from: UInt32(0), to: .max - 65_521, by: 65_521).map { Float(bitPattern: $0) }
    }

    /// Every pair of special numbers, and pairs of random patterns of bits.
    static func pairs() -> (MLXArray, MLXArray) {
        var values = Values(seed: 11)
        func draw() -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: values.bits())) }
        let random = (0..<20_011).map { _ in (draw(), draw()) }
        let all = special.flatMap { a in special.map { (a, $0) } } + random
        return (MLXArray(all.map(\.0)), MLXArray(all.map(\.1)))
    }

    /// The distance of a result from the exact one in units of its last place; infinite where a
    /// sign, an infinity or NaN is another.
    static func distance(_ value: Float, _ exact: Double) -> Double {
        let wanted = Float(exact)
        if wanted.isNaN { return value.isNaN ? 0 : .infinity }
        guard value.sign == wanted.sign else { return .infinity }
        guard value.isFinite, wanted.isFinite else { return value == wanted ? 0 : .infinity }
        return abs(Double(value) - exact) / Double(wanted.ulp)
    }

    /// Where results are too far from the exact ones; nil if nowhere.
    static func difference(
        _ array: MLXArray, _ exact: [Double], within limit: Double, of inputs: [MLXArray]
    ) -> String? {
        let values = array.asArray(Float.self)
        if values.count != exact.count { return "\(values.count) results, not \(exact.count)" }
        let wrong = values.indices.filter { !(distance(values[$0], exact[$0]) <= limit) }
        guard let first = wrong.first else { return nil }
        let operands = inputs.map { "\($0[first].item(Float.self))" }.joined(separator: ", ")
        return "\(wrong.count) of \(values.count) are off, the first of \(operands): "
            + "\(values[first]) instead of \(exact[first])"
    }
}
