import ArgumentParser
import CBench
import MLX

/// Runs the cases that are asked for and prints a line for each.
struct Runner {
    private let options: Options
    let setting: Setting
    /// When a case has been timed so long and three times, it is not timed again.
    private static let enough = 8.0
    /// For so long a case is called before it is timed, and twice at least.
    private static let warmUp = 0.2
    /// Shorter calls are timed several at once.
    private static let shortest = 0.004

    init(_ options: Options) {
        self.options = options
        setting = Setting(threads: Int(cb_limit_cores(Int32(options.threads ?? Int(Int16.max)))))
    }

    /// Times the cases in turns, so that what else the machine does falls on all alike; their data
    /// is in memory all at once.
    func runInTurns(_ cases: [Case]) throws {
        let wanted = try wanted(cases)
        for (item, times) in zip(wanted, try timesInTurns(wanted)) { Line(item, times).show() }
    }

    /// The seconds of a call of each case, of every one once in a round; more rounds than are asked
    /// for where they are short. A call that is not timed begins each turn, as the cases before have
    /// had the caches: some cases have one call in a turn, some have many.
    func timesInTurns(_ cases: [Case]) throws -> [Samples] {
        let ready = try cases.map(prepared)
        var times = [[Double]](repeating: [], count: cases.count)
        let (start, leastTime) = (ContinuousClock.now, Duration.seconds(0.5))
        var round = 0
        while round < options.reps || ContinuousClock.now - start < leastTime {
            for (index, item) in ready.enumerated() {
                try item.body()
                times[index].append(try item.secondsOfCall())
            }
            round += 1
        }
        return times.map { Samples($0) }
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
    func times(_ item: Case) throws -> Samples {
        let ready = try prepared(item)
        var times: [Double] = []
        var spent = 0.0
        let before = Contention.waited()
        while times.count < options.reps, times.count < 3 || spent <= Self.enough {
            times.append(try ready.secondsOfCall())
            spent += (times.last ?? 0) * Double(ready.calls)
        }
        let waited = (Contention.waited() - before) / (spent * Double(setting.threads))
        return Samples(times, waited: waited)
    }

    /// A case that has been called until it is warm.
    private struct Prepared {
        let body: () throws -> Void
        /// So many calls are timed at once.
        let calls: Int

        func secondsOfCall() throws -> Double {
            try Runner.seconds { for _ in 0..<calls { try body() } } / Double(calls)
        }
    }

    private func prepared(_ item: Case) throws -> Prepared {
        let body = try item.make(setting)
        var (warm, calls) = (0.0, 0)
        while calls < 2 && warm < Self.enough / 2 || warm < Self.warmUp {
            warm += try Self.seconds(body)
            calls += 1
        }
        let atOnce = Int(Self.shortest / max(try Self.seconds(body), 1e-7))
        return Prepared(body: body, calls: max(1, atOnce))
    }

    private func wanted(_ cases: [Case]) throws -> [Case] { try wanted(cases, by: \.name) }

    /// What `--only` and `--skip` leave of a list; it is an error if that is nothing.
    func wanted<Item>(_ items: [Item], by name: KeyPath<Item, String>) throws -> [Item] {
        let only = try options.only.map { try Regex($0) }
        let skip = try options.skip.map { try Regex($0) }
        let left = items.filter { item in
            (only.map { item[keyPath: name].contains($0) } ?? true)
                && !(skip.map { item[keyPath: name].contains($0) } ?? false)
        }
        if left.isEmpty, !items.isEmpty {
            let names = items.map { $0[keyPath: name] }.joined(separator: "; ")
            throw ValidationError("--only and --skip leave no case of these: \(names)")
        }
        return left
    }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start) / .seconds(1)
    }
}

/// The seconds of a call, several times.
struct Samples {
    let sorted: [Double]
    /// The share of the processor that other programs took meanwhile, where it is known.
    let waited: Double?

    init(_ times: [Double], waited: Double? = nil) {
        sorted = times.sorted()
        self.waited = waited
    }

    var best: Double { sorted[0] }

    var median: Double {
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// The machine has not the memory for a case.
struct OutOfMemory: Error {}
