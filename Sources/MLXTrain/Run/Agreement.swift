import MLXDistributed

/// A failure that all ranks know of: one of them says why, and all end with the same status.
public struct AgreedFailure: Error {
    /// The rank whose failure it is.
    public let rank: Int
    /// The exit status of all ranks.
    public let status: Int32
    /// What happened; nil on the ranks that have nothing to say.
    public let cause: (any Error)?
}

extension Group {
    /// Runs `body` on every rank and returns only if it succeeded on all of them; a collective.
    ///
    /// Where it failed, every rank throws an `AgreedFailure` of the lowest rank that failed.
    package func agree<Value>(_ body: () throws -> Value) throws -> Value {
        let outcome = Result { try body() }
        var report = 0.0
        if case .failure(let error) = outcome {
            report = Double((size - rank) * 256 + Int(Verdict(error).status))
        }
        let first = Int(try allReduce([report], .max)[0])
        if first == 0 { return try outcome.get() }
        let failed = size - first / 256
        var cause: (any Error)?
        if failed == rank, case .failure(let error) = outcome { cause = error }
        throw AgreedFailure(rank: failed, status: Int32(first % 256), cause: cause)
    }

    /// Runs `body` on rank 0 and returns on every rank if it succeeded; a collective.
    package func onFirstRank(_ body: () throws -> Void) throws {
        try agree { if rank == 0 { try body() } }
    }

    /// Whether a value is true on any rank; a collective.
    package func any(_ value: Bool) throws -> Bool {
        try allReduce([value ? 1 : 0], .max)[0] > 0
    }
}
