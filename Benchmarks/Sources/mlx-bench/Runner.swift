import CBench
import MLX

/// Runs the cases that are asked for and prints a line for each.
struct Runner {
    private let options: Options
    let setting: Setting
    /// When a case has been timed so long and three times, it is not timed again.
    private static let enough = 8.0
    /// Shorter calls are timed several at once.
    private static let shortest = 0.004

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
        for (item, times) in zip(wanted, times) { Line(item, times).show() }
    }

    /// Times one case after the other, each alone in memory.
    func runOneByOne(_ cases: [Case]) throws {
        for item in try wanted(cases) {
            do {
                Line(item, try times(item)).show()
            } catch {
                Line(item, failed: error).show()
            }
            Memory.clearCache()
        }
    }

    /// The seconds of a call, once for each repetition, as far as there is time.
    func times(_ item: Case) throws -> [Double] {
        let body = try item.make(setting)
        let start = ContinuousClock.now
        for _ in 0..<2 where (ContinuousClock.now - start) / .seconds(1) < Self.enough / 2 {
            try body()
        }
        let inner = max(1, Int(Self.shortest / max(try Self.seconds(body), 1e-7)))
        var times: [Double] = []
        var spent = 0.0
        while times.count < options.reps, times.count < 3 || spent <= Self.enough {
            let seconds = try Self.seconds { for _ in 0..<inner { try body() } }
            times.append(seconds / Double(inner))
            spent += seconds
        }
        return times
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

/// The machine has not the memory for a case.
struct OutOfMemory: Error {}
