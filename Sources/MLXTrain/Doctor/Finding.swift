/// What a check of `mlx-train doctor` found.
public struct Finding: Equatable, Sendable {
    /// How much it matters.
    public enum State: String, Sendable, CaseIterable {
        /// As it should be.
        case good
        /// Jobs run, but slower than they could, or only in part of the ways to start one.
        case warning
        /// Jobs fail.
        case problem
    }

    /// What was looked at, in a word or two.
    public let check: String
    /// How much it matters.
    public let state: State
    /// What was found.
    public let found: String
    /// What to do; "" where nothing is to be done.
    public let fix: String

    package static func good(_ check: String, _ found: String) -> Finding {
        Finding(check: check, state: .good, found: found, fix: "")
    }

    package static func warning(_ check: String, _ found: String, fix: String) -> Finding {
        Finding(check: check, state: .warning, found: found, fix: fix)
    }

    package static func problem(_ check: String, _ found: String, fix: String) -> Finding {
        Finding(check: check, state: .problem, found: found, fix: fix)
    }
}
