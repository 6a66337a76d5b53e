/// Where in a run it is asked whether to stop.
public enum StopPhase: Sendable, CaseIterable {
    /// While the data are read.
    case loading
    /// Before the first step.
    case starting
    /// Before each step.
    case step
    /// Between the batches of an evaluation.
    case evaluation
}

/// What asks a run to save and end before its work is done.
public enum StopReason: Equatable, Sendable {
    /// A signal, by its number; 0 where another rank received it.
    case signal(Int32)
    /// The time of `training.max_seconds` is over.
    case timeIsUp(seconds: Double)
}

/// The question whether to stop: a signal, or the end of the time that the job has.
struct StopRequest {
    private let signal: (StopPhase) -> Int32?
    private let limit: Double?
    private let started = ContinuousClock.now

    init(maxSeconds: Double?, signal: @escaping (StopPhase) -> Int32?) {
        self.signal = signal
        limit = maxSeconds
    }

    /// Why this rank must stop; nil where it need not.
    func callAsFunction(_ phase: StopPhase) -> StopReason? {
        if let number = signal(phase) { return .signal(number) }
        return timeIsUp
    }

    /// The end of the time, if it has come.
    var timeIsUp: StopReason? {
        guard let limit, (ContinuousClock.now - started) / .seconds(1) >= limit else { return nil }
        return .timeIsUp(seconds: limit)
    }
}
