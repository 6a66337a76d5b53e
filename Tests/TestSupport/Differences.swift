/// The slopes of a function of several numbers by central differences.
///
/// - Parameters:
///   - step: how far the numbers are moved; suited to smooth functions in float64 unless given
package func centralDifferences(
    at values: [Double], step: Double? = nil, of function: ([Double]) -> Double
) -> [Double] {
    values.indices.map { index in
        // The cube root of the rounding error balances it with that of the difference.
        let step = step ?? 6e-6 * max(1, abs(values[index]))
        func shifted(_ change: Double) -> Double {
            var changed = values
            changed[index] += change
            return function(changed)
        }
        return (shifted(step) - shifted(-step)) / (2 * step)
    }
}
