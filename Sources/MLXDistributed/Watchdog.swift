import Glibc

/// Ends a job in which a call of a library does not come back.
///
/// Ranks that wait for others find out by themselves who is late; a call in which the library
/// blocks, because a rank stopped in the midst of it, can only be seen from another thread.
package final class Watchdog: Sendable {
    private struct State {
        var stops = false
    }

    private let state = Monitor(State())
    private let thread: PlatformThread

    /// Watches the recorder's present call; `act` is called once, from the watchdog's thread, with
    /// a call that has taken `limit` and two seconds more.
    package init(
        _ recorder: FlightRecorder, limit: WaitLimit,
        _ act: @escaping @Sendable (CollectiveCall, _ seconds: Int) -> Void
    ) throws(DistributedError) {
        let state = state
        thread = try PlatformThread(stackBytes: 1 << 20) {
            while !state.withLock({ $0.stops }) {
                // Nothing wakes a thread when time has passed but its own sleep.
                usleep(200_000)
                guard let (call, duration) = recorder.present else { continue }
                let seconds = limit.seconds
                guard duration > .seconds(seconds + 2) else { continue }
                act(call, Int(seconds.rounded(.up)))
                return
            }
        }
    }

    deinit {
        state.withLock { $0.stops = true }
        thread.detach()
    }
}
