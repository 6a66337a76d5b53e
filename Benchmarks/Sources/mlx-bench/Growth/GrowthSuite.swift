import CBench
import MLX

/// How the time of a unit of work changes with the size: it should not.
struct GrowthSuite {
    private let runner: Runner

    init(_ runner: Runner) { self.runner = runner }

    /// Prints one table a kind of work, each with a verdict.
    func run() throws {
        let all = perElement() + perProduct() + perAttention() + perNode()
        for series in try runner.wanted(all, by: \.name) { try measure(series) }
    }

    private func measure(_ series: Series) throws {
        show("\n\(series.name)\n\n| \(series.columns.joined(separator: " | ")) |")
        show("|" + String(repeating: "---|", count: series.columns.count))
        var judged: [Double] = []
        try series.measure(runner) { size, values in
            let shown = values.map { $0.formatted(.number.precision(.significantDigits(3))) }
            show("| \(size) | \(shown.joined(separator: " | ")) |")
            judged += values.suffix(1)
            Memory.clearCache()
        }
        show("\n" + series.verdict(judged))
    }
}

/// One kind of work at growing sizes.
struct Series {
    /// Takes down a size and the columns of the table behind it; the last is judged.
    typealias Row = (_ size: String, _ values: [Double]) -> Void

    let name: String
    /// The heads of the table.
    let columns: [String]
    /// How far from the middle between the extremes a value may be, as a share; or, with `growing`,
    /// what the largest may be of the first.
    let band: Double
    var growing = false
    let measure: (Runner, Row) throws -> Void

    func verdict(_ values: [Double]) -> String {
        let (low, high) = (values.min() ?? .nan, values.max() ?? .nan)
        let found = growing ? high / values[0] : (high - low) / (high + low)
        let met = found <= band ? "yes" : "**no**"
        return growing
            ? "At most \(percent(band)) of the first: \(met) (\(percent(found)))."
            : "Flat, ± \(percent(band)): \(met) (± \(percent(found)))."
    }

    private func percent(_ share: Double) -> String { "\(Int((100 * share).rounded())) %" }
}

extension Series {
    /// Work of some size, and how many units of time per unit of work a second of it would be.
    typealias Sized = (size: String, work: Case, scale: Double)

    /// The best calls of all sizes, in turns, so that a slow moment of the machine falls on all.
    init(_ name: String, _ columns: [String], band: Double, growing: Bool = false, _ sizes: [Sized])
    {
        self.init(name: name, columns: columns, band: band, growing: growing) { runner, row in
            let times = try runner.timesInTurns(sizes.map(\.work))
            for (size, times) in zip(sizes, times) { row(size.size, [times.best * size.scale]) }
        }
    }
}
