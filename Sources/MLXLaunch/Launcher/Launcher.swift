import CSystem
import Glibc

/// A job from its first start to its last: starts all ranks, and again after a failure.
package struct Launcher {
    private let plan: LaunchPlan

    package init(_ plan: LaunchPlan) {
        var plan = plan
        if plan.transport == .auto { plan.transport = LaunchPlan.hasMPI ? .mpi : .zmq }
        self.plan = plan
    }

    /// Runs the job and gives the status to end with.
    ///
    /// `stop` was made when the process began, so that no signal comes too early.
    package func run(_ stop: StopRequest) throws(LaunchError) -> Int32 {
        let relay = try OutputRelay(program: plan.command[0], logFolder: plan.logFolder)
        _ = cs_adopt_orphans()
        let job = JobIdentity()
        var restart = 0
        while true {
            let meeting = try Meeting(plan)
            let variables = RankVariables(
                plan: plan, job: job, restart: restart, meeting: meeting)
            let end = try Attempt(plan, variables, relay, stop).run()
            let isFinal = LaunchStatus.final.contains(end.status)
            guard !isFinal, stop.signal == nil, restart < plan.maxRestarts else {
                return tellEnd(end, relay)
            }
            restart += 1
            tellRestart(end, restart, relay)
        }
    }

    private func tellRestart(_ end: AttemptEnd, _ restart: Int, _ relay: OutputRelay) {
        for line in errors(end) { relay.say(line) }
        let cause = end.words.map { "\($0); " } ?? ""
        let line = "mlx-launch: \(cause)starting again, restart \(restart) of \(plan.maxRestarts)"
        relay.say(line)
        relay.note(line)
        relay.flush()
    }

    /// Tells what ended the job; the first failing rank's own error comes last.
    private func tellEnd(_ end: AttemptEnd, _ relay: OutputRelay) -> Int32 {
        relay.flushAll()
        if let words = end.words { relay.say("mlx-launch: \(words)") }
        for line in errors(end) { relay.say(line) }
        relay.flushAll()
        return end.status
    }

    private func errors(_ end: AttemptEnd) -> [String] {
        switch end {
        case .done: []
        case .failed(_, let errors): errors
        case .broken(_, _, let details): details
        }
    }
}
