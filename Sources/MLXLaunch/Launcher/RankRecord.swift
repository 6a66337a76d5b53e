/// What the launcher knows of one rank in one start.
package struct RankRecord {
    package let rank: Int
    var host: String
    var process: Int32?
    package var end: RankEnd?
    /// When the end was told; nil while it runs.
    var ended: ContinuousClock.Instant?
    /// Whether the launcher had asked for its end before.
    var wasKilled = false

    package init(
        rank: Int, host: String, process: Int32? = nil, end: RankEnd? = nil,
        ended: ContinuousClock.Instant? = nil
    ) {
        self.rank = rank
        self.host = host
        self.process = process
        self.end = end
        self.ended = ended
    }

    /// Whether it has ended by itself and not well.
    var hasFailed: Bool { !wasKilled && (end.map { $0.code != 0 } ?? false) }
}

/// How a start of all ranks ended.
package enum AttemptEnd {
    /// All ranks ended with 0, or with 75, or were stopped by the user: nothing to explain.
    case done(status: Int32)
    /// A rank failed.
    case failed(RankRecord, errors: [String])
    /// Something else failed: a host, or the launcher underneath.
    case broken(status: Int32, words: String, details: [String])

    package var status: Int32 {
        switch self {
        case .done(let status): status
        case .failed(let record, _): record.end?.code ?? LaunchStatus.unavailable
        case .broken(let status, _, _): status
        }
    }

    /// The line that tells of the failure; nil where the rank's own line says it all.
    package var words: String? {
        switch self {
        case .done: return nil
        case .broken(_, let words, _): return words
        case .failed(let record, let errors):
            guard let end = record.end, end.status != LaunchStatus.interrupted else { return nil }
            let process = record.process.map { ", process \($0)" } ?? ""
            let step =
                end.step < 0
                ? "" : end.step == 0 ? " before its first step" : " at step \(end.step)"
            let who = "rank \(record.rank) (\(record.host)\(process))"
            if end.signal != 0 {
                return "\(who) was killed by signal \(end.signal) "
                    + "(\(signalWords(end.signal)))\(step)"
            }
            if LaunchStatus.final.contains(end.status), !errors.isEmpty { return nil }
            return "\(who) ended with status \(end.status)\(step)"
        }
    }
}

extension [RankRecord] {
    /// The rank whose failure came first.
    ///
    /// Of ranks that ended within a second of each other, in which the loss of one ends the others,
    /// a signal other than SIGTERM counts before a status, and a status before the one that says
    /// that another rank was lost; `hasWords` tells which have an error of their own.
    package func firstFailure(hasWords: (Int) -> Bool) -> RankRecord? {
        let failed = filter(\.hasFailed).sorted { ($0.ended ?? .now) < ($1.ended ?? .now) }
        guard let start = failed.first?.ended else { return nil }
        let together = failed.filter { ($0.ended ?? .now) - start < .milliseconds(900) }
        func order(_ record: RankRecord) -> Int {
            let end = record.end
            if let signal = end?.signal, signal != 0, signal != 15 { return 0 }
            if end?.status == LaunchStatus.unavailable { return hasWords(record.rank) ? 3 : 4 }
            if end?.signal != 0 { return 5 }
            return hasWords(record.rank) ? 1 : 2
        }
        return together.enumerated().min { (order($0.1), $0.0) < (order($1.1), $1.0) }?.element
    }
}
