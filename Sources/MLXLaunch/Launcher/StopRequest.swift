import Glibc

/// The user's wish that a job stop: the first signal asks the ranks to save, a second one ends it
/// at once.
package final class StopRequest {
    private let pipe: SignalPipe
    private var isNew = false
    private var came = ContinuousClock.now
    /// The same signal that comes again so soon was sent once, to the process and to its group.
    private static let echo = Duration.milliseconds(100)
    /// The signal that the ranks were or will be sent; nil before one came.
    private(set) var signal: Int32?
    private var first: Int32 = 0
    /// The second signal.
    private(set) var urgent: Int32?

    var isUrgent: Bool { urgent != nil }

    /// Catches the signals from now on.
    package init() throws(LaunchError) {
        pipe = try SignalPipe([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD])
    }

    /// What to poll for.
    var descriptor: pollfd { pollfd(fd: pipe.descriptor, events: Int16(POLLIN), revents: 0) }

    /// Takes note of the signals that have come.
    func read() {
        for number in pipe.take() where number != SIGCHLD {
            if signal == nil {
                // What ends a terminal is no signal that programs save at.
                signal = number == SIGHUP ? SIGTERM : number
                (isNew, came, first) = (true, .now, number)
            } else if urgent == nil,
                number != first || ContinuousClock.now - came > StopRequest.echo
            {
                urgent = number
            }
        }
    }

    /// The first signal, once.
    func takeNew() -> Int32? {
        defer { isNew = false }
        return isNew ? signal : nil
    }
}
