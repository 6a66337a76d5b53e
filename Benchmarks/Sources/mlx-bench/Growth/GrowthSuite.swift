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
        for point in series.points {
            let values = try point.values(runner)
            let shown = values.map { $0.formatted(.number.precision(.significantDigits(3))) }
            show("| \(point.name) | \(shown.joined(separator: " | ")) |")
            judged += values.suffix(1)
            Memory.clearCache()
        }
        show("\n" + series.verdict(judged))
    }
}

/// One kind of work at growing sizes.
struct Series {
    struct Point {
        let name: String
        /// The columns of the table behind the size; the last is judged.
        let values: (Runner) throws -> [Double]
    }

    let name: String
    /// The heads of the table.
    let columns: [String]
    /// How far from the middle between the extremes a value may be, as a share; or, with `growing`,
    /// what the largest may be of the first.
    let band: Double
    var growing = false
    let points: [Point]

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

extension Runner {
    /// The best seconds of a call.
    func best(_ item: Case) throws -> Double { try times(item).best }
}
