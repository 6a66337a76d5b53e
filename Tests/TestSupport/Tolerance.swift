import MLX

/// How far a value may lie from the expected one: |a − b| ≤ absolute + relative · |b|.
package struct Tolerance: Sendable {
    package let absolute: Double
    package let relative: Double

    package init(absolute: Double, relative: Double) {
        self.absolute = absolute
        self.relative = relative
    }

    /// The tolerance of one rounding or a few in a type; none for types without fractions.
    package static func of(_ dtype: DType) -> Tolerance {
        switch dtype {
        case .float64: Tolerance(absolute: 1e-13, relative: 1e-13)
        case .float32, .complex64: Tolerance(absolute: 1e-6, relative: 4e-6)
        case .float16: Tolerance(absolute: 1e-3, relative: 2e-3)
        case .bfloat16: Tolerance(absolute: 8e-3, relative: 1e-2)
        default: exact
        }
    }

    /// Equality.
    package static let exact = Tolerance(absolute: 0, relative: 0)

    /// What central differences in float64 leave.
    package static let differences = Tolerance(absolute: 1e-6, relative: 1e-6)

    package func times(_ factor: Double) -> Tolerance {
        Tolerance(absolute: absolute * factor, relative: relative * factor)
    }

    package func accepts(_ value: Double, _ expected: Double) -> Bool {
        if value == expected || (value.isNaN && expected.isNaN) { return true }
        guard value.isFinite, expected.isFinite else { return false }
        return abs(value - expected) <= absolute + relative * abs(expected)
    }
}
