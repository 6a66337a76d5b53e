import CBench
import Foundation

/// Runs the cases that are asked for and prints a line for each.
struct Runner {
    private let options: Options
    private let setting: Setting

    init(_ options: Options) {
        self.options = options
        setting = Setting(threads: Int(cb_limit_cores(Int32(options.threads ?? Int(Int16.max)))))
    }

    /// Times the cases in turns, one call of each in a round, so that what else the machine does
    /// falls on all alike; their data is in memory all at once.
    func runInTurns(_ cases: [Case]) throws {
        let wanted = try wanted(cases)
        let bodies = try wanted.map { try $0.make(setting) }
        var times = [[Double]](repeating: [], count: wanted.count)
        for round in -2..<options.reps {
            for (index, body) in bodies.enumerated() {
                let seconds = try Self.seconds(body)
                if round >= 0 { times[index].append(seconds) }
            }
        }
        for (item, times) in zip(wanted, times) { print(Line(item, times)) }
    }

    /// Times one case after the other, each alone in memory; short calls are timed several at once.
    func runOneByOne(_ cases: [Case]) throws {
        for item in try wanted(cases) {
            let body = try item.make(setting)
            for _ in 0..<2 { try body() }
            let inner = max(1, Int(0.004 / max(try Self.seconds(body), 1e-7)))
            let times = try (0..<options.reps).map { _ in
                try Self.seconds { for _ in 0..<inner { try body() } } / Double(inner)
            }
            print(Line(item, times))
        }
    }

    private func wanted(_ cases: [Case]) throws -> [Case] {
        let only = try options.only.map { try Regex($0) }
        let skip = try options.skip.map { try Regex($0) }
        return cases.filter { item in
            (only.map { item.name.contains($0) } ?? true)
                && !(skip.map { item.name.contains($0) } ?? false)
        }
    }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start) / .seconds(1)
    }
}

/// The figures of one case as JSON.
private struct Line: CustomStringConvertible {
    let description: String

    init(_ item: Case, _ times: [Double]) {
        let sorted = times.sorted()
        let middle = sorted.count / 2
        let median =
            sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        description =
            "{\"case\": \"\(item.name)\", \"peer\": \"swift\", \"median_s\": \(median), "
            + "\"min_s\": \(sorted[0]), \"metric\": \"\(item.metric)\", "
            + "\"value\": \(item.value(median)), \"n\": \(times.count)}"
    }
}
