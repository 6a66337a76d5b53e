import MLX
import TestSupport
import Testing

@Suite("Means and variances in one pass")
struct MomentsTests {
    /// Both of a row of numbers, in double.
    private static func expected(_ x: [Double]) -> (mean: Double, variance: Double) {
        let mean = x.reduce(0, +) / Double(x.count)
        return (mean, x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count))
    }

    /// What is found of a matrix along an axis, beside what is expected of the same numbers.
    private static func check(
        _ x: MLXArray, _ axis: Int, _ tolerance: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let numbers = x.asType(.float64).asArray(Double.self)
        let (rows, columns) = (x.dim(0), x.dim(1))
        let wanted = (0..<(axis == 0 ? columns : rows)).map { place in
            expected(
                axis == 0
                    ? (0..<rows).map { numbers[$0 * columns + place] }
                    : (0..<columns).map { numbers[place * columns + $0] })
        }
        let found = try #require(x.moments(axes: [axis], keepDims: false))
        let (means, variances) = (found.mean.asType(.float64), found.variance.asType(.float64))
        for (index, wanted) in wanted.enumerated() {
            let deviation = wanted.variance.squareRoot()
            let mean = means[index].item(Double.self)
            #expect(
                abs(mean - wanted.mean) <= tolerance * (deviation + abs(wanted.mean)),
                sourceLocation: sourceLocation)
            let variance = variances[index].item(Double.self)
            #expect(
                abs(variance - wanted.variance) <= tolerance * wanted.variance,
                sourceLocation: sourceLocation)
        }
    }

    @Test(
        "are those of rows and columns, wherever the elements lie",
        arguments: [1, 5, 64, 65, 1000, 40_003], [1, 3, 4, 16, 33])
    func shapes(_ rows: Int, _ columns: Int) throws {
        let wide = random([rows, columns + 3], in: -3...5, seed: UInt64(rows * 64 + columns))
        let x = wide[0..., 2..<(columns + 2)]
        for input in [contiguous(x), x, contiguous(x.T).T, x * 2 - 1, x.asType(.bfloat16)] {
            try Self.check(input, 0, 1e-5)
            if rows < 2000 { try Self.check(input, 1, 1e-5) }
        }
        let turned = contiguous(x.T)
        if columns > 1 { try Self.check(turned, 1, 1e-5) }
        try Self.check(x.asType(.float64), 0, 1e-13)
    }

    @Test("of wide rows are those of their columns")
    func wide() throws {
        try Self.check(random([300, 2500], in: -1...1, seed: 3), 0, 1e-5)
        try Self.check(random([3, 2500], in: -1...1, seed: 4), 0, 1e-5)
    }

    @Test(
        "lose at most a small factor where the values lie far from zero, or the first from the rest"
    )
    func hostile() throws {
        let x = random([5000, 20], in: -1...1, seed: 5)
        // A float32 of 4096 and more holds 12 bits behind the point: the data themselves are exact.
        try Self.check(x + 4096, 0, 2e-6)
        try Self.check(contiguous((x + 4096).T), 1, 2e-6)
        x[0] = MLXArray(Float(1e6))
        try Self.check(x, 0, 2e-5)
        try Self.check(contiguous(x.T), 1, 2e-5)
        x[63] = MLXArray(Float(-1e12))
        try Self.check(x, 0, 2e-5)
    }

    @Test("of equal values are those values, and 0")
    func equal() throws {
        let x = full([777, 19], values: MLXArray(Float(0.1)))
        let found = try #require(copied(x).moments(axes: [0], keepDims: false))
        #expect(found.mean.asArray(Float.self) == [Float](repeating: 0.1, count: 19))
        #expect(found.variance.asArray(Float.self) == [Float](repeating: 0, count: 19))
        #expect(copied(x).variance().item(Float.self) == 0)
    }

    @Test("that are not finite make the variance not a number")
    func notFinite() {
        for bad in [Float.nan, .infinity] {
            let x = random([500, 20], in: -1...1, seed: 6)
            x[250, 7] = MLXArray(bad)
            let columns = x.variance(axis: 0).asArray(Float.self)
            #expect(columns.indices.filter { columns[$0].isNaN } == [7])
            let rows = x.variance(axis: 1).asArray(Float.self)
            #expect(rows.indices.filter { rows[$0].isNaN } == [250])
        }
    }

    @Test("do not depend on the number of threads")
    func threads() {
        let inputs = [
            random([9, 4001, 24], in: -1...1, seed: 7), random([100_003], in: -1...1, seed: 8),
            random([70, 64], in: -1...1, seed: 9),
        ]
        let found = [1, 2, 3, 16].map { threads in
            withWorkers(threads) {
                inputs.flatMap { x in
                    (0..<x.ndim).flatMap { bits(variance(x, axis: $0)) } + bits(variance(x))
                }
            }
        }
        for other in found.dropFirst() { #expect(other == found[0]) }
    }
}
