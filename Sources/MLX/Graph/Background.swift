import Synchronization

/// The thread that evaluates what nobody waits for yet.
final class Background: Sendable {
    static let shared = Background()

    private struct State {
        var requests: [[Node]] = []
        var isStarted = false
    }

    private let state = Mutex(State())
    /// How many requests were handed in, and how many are done, modulo 2³².
    private let submitted = Futex()
    private let completed = Futex()

    /// Leaves the evaluation of the nodes to the thread.
    ///
    /// A node that fails stays pending, so that whoever asks for its value is told.
    func submit(_ nodes: [Node]) {
        // Another evaluation that comes first must keep their values.
        for node in nodes { node.retainValue() }
        let starts = state.withLock { state -> Bool in
            defer { state.isStarted = true }
            state.requests.append(nodes)
            submitted.store(submitted.load() &+ 1)
            return !state.isStarted
        }
        if starts { Thread.start { [unowned self] in self.serve() } }
        submitted.wakeAll()
    }

    /// Returns when all requests so far are done.
    func wait() {
        let target = submitted.load()
        completed.waitUntil { Int32(bitPattern: $0 &- target) >= 0 }
    }

    private func serve() {
        while true {
            submitted.waitUntil { $0 != completed.load() }
            let request = state.withLock { state in
                state.requests.isEmpty ? [] : state.requests.removeFirst()
            }
            try? Evaluate.run(request)
            for node in request { node.releaseValue() }
            completed.store(completed.load() &+ 1)
            completed.wakeAll()
        }
    }
}
