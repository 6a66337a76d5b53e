import CZeroMQ
import MLXDistributed

/// What a rank says to the others beside the collectives, and how it hears of them; one side for
/// rank 0, in the middle, and one for the others.
protocol ControlSide: AnyObject {
    var socket: ZeroMQSocket { get }
    /// Whether nothing is left to be said.
    var hasEnded: Bool { get }

    func take(_ parts: [ZeroMQMessage], _ now: ContinuousClock.Instant) throws(DistributedError)
    /// Called at least every tenth of a second.
    func tick(_ now: ContinuousClock.Instant) throws(DistributedError)
    /// Tells the others that this rank ends the job.
    func announce(status: Int32)
    /// This rank takes part in no further collective.
    func leave()
    /// Whether something was said that the others must still hear when this rank ends.
    var hasLastWord: Bool { get }
}

/// The thread that keeps a rank in touch with the others while collectives run or do not run.
///
/// It meets the other ranks at the start, answers for the authentication of clients, tells several
/// times a second that this process lives, and notices when another has died or is silent. Then
/// collectives throw. Where the process does not end by itself soon after, because it computes or
/// hangs, `onFailure` is called.
///
/// Unchecked: everything but the state belongs to the thread.
final class ControlThread: @unchecked Sendable {
    private let side: any ControlSide
    private let state: ControlState
    private let authenticator: Authenticator?
    private let limits: ZeroMQLimits
    private let onFailure: (@Sendable (DistributedError) -> Void)?
    private var failed: ContinuousClock.Instant?
    private var finishing: ContinuousClock.Instant?
    private var isOver = false

    init(
        _ side: any ControlSide, _ state: ControlState, _ authenticator: Authenticator?,
        limits: ZeroMQLimits, onFailure: (@Sendable (DistributedError) -> Void)?
    ) {
        self.side = side
        self.state = state
        self.authenticator = authenticator
        self.limits = limits
        self.onFailure = onFailure
    }

    /// Starts the thread, which ends after `ControlState.end`.
    func start() throws(DistributedError) {
        try PlatformThread { self.run() }.detach()
    }

    private func run() {
        let sockets = [side.socket] + [authenticator?.socket].compactMap { $0 }
        while !isOver {
            waitForSockets(
                readable: sockets, descriptor: state.request.descriptor, milliseconds: 100)
            do throws(DistributedError) {
                try turn()
            } catch {
                if state.fail(error) { side.announce(status: error.exitStatus) }
            }
        }
        // On a node that is overloaded it takes seconds until the reason is on its way.
        side.socket.close(linger: side.hasLastWord ? 10_000 : 0)
        authenticator?.socket.close()
        state.setEnded()
    }

    private func turn() throws(DistributedError) {
        state.request.lower()
        for request in state.takeRequests() { obey(request) }
        try authenticator?.answer()
        let now = ContinuousClock.now
        // A peer that never stops talking must not keep the clock from being read.
        var budget = 1000
        while budget > 0, let parts = try side.socket.receiveParts() {
            try side.take(parts, now)
            budget -= 1
        }
        if let failure = state.failure {
            try endSoon(failure, now)
        } else {
            try side.tick(now)
        }
        guard let finishing else { return }
        if side.hasEnded || state.failure != nil { isOver = true }
        guard now - finishing > .seconds(limits.stallSeconds), !isOver else { return }
        throw .transport(
            name: "zmq", call: "finalize",
            message: "other ranks have not ended within \(Int(limits.stallSeconds)) s")
    }

    private func obey(_ request: ControlState.Request) {
        switch request {
        case .finish:
            if finishing == nil { side.leave() }
            finishing = finishing ?? .now
        case .abort(let status):
            // One that failed for another rank's sake has nothing to tell.
            if !state.isToldByAnother { side.announce(status: status) }
            isOver = true
        }
    }

    /// The other threads see the failure at their next collective, and end the process.
    private func endSoon(_ failure: DistributedError, _ now: ContinuousClock.Instant)
        throws(DistributedError)
    {
        let since = failed ?? now
        failed = since
        guard let onFailure, now - since > .seconds(limits.graceSeconds) else { return }
        onFailure(failure)
        isOver = true
    }
}
