/// The thread that runs all collectives of a transport, one after another.
package final class CommunicationThread: Sendable {
    private struct Queue {
        var work: [@Sendable () -> Void] = []
        var next = 0
        var isOpen = true

        mutating func take() -> (@Sendable () -> Void)? {
            guard next < work.count else { return nil }
            defer { next += 1 }
            return work[next]
        }

        mutating func add(_ item: @escaping @Sendable () -> Void) {
            if next == work.count {
                work.removeAll(keepingCapacity: true)
                next = 0
            }
            work.append(item)
        }
    }

    private let queue: Monitor<Queue>
    private let thread: PlatformThread
    private let transport: String

    /// Starts the thread; `transport` names it in errors.
    package init(transport: String) throws(DistributedError) {
        let queue = Monitor(Queue())
        self.queue = queue
        self.transport = transport
        self.thread = try PlatformThread {
            while let work = queue.wait({ Self.next(&$0) }) { work() }
        }
    }

    deinit {
        if close() { thread.detach() }
    }

    /// Runs `work` after all earlier work; returns at once.
    package func submit(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) -> CommunicationHandle {
        let handle = CommunicationHandle()
        let accepted = queue.withLock { queue in
            guard queue.isOpen else { return false }
            queue.add { handle.run(work) }
            return true
        }
        if !accepted { handle.finish(.failure(.closed(transport: transport))) }
        return handle
    }

    /// True on the thread itself.
    package var isCurrent: Bool { thread.isCurrent }

    /// Runs `work` after all earlier work and waits for it.
    package func perform(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) throws(DistributedError) {
        if thread.isCurrent {
            try work()
        } else {
            try submit(work).wait()
        }
    }

    /// Takes no more work and waits for the end of the rest; a second call does nothing.
    package func stop() {
        guard close() else { return }
        if thread.isCurrent { thread.detach() } else { thread.join() }
    }

    /// True for the call that closed the queue.
    private func close() -> Bool {
        queue.withLock { queue in
            defer { queue.isOpen = false }
            return queue.isOpen
        }
    }

    /// The outer nil is "wait", the inner one "end".
    private static func next(_ queue: inout Queue) -> (@Sendable () -> Void)?? {
        if let work = queue.take() { return .some(work) }
        return queue.isOpen ? nil : .some(nil)
    }
}

/// Work given to the communication thread.
package final class CommunicationHandle: Sendable {
    private let outcome: Monitor<Result<Void, DistributedError>?>

    init() {
        outcome = Monitor(nil)
    }

    /// Waits for the work and throws the error it ended with; may be called more than once.
    package func wait() throws(DistributedError) {
        try outcome.wait { $0 }.get()
    }

    func run(_ work: () throws(DistributedError) -> Void) {
        do throws(DistributedError) {
            try work()
            finish(.success(()))
        } catch {
            finish(.failure(error))
        }
    }

    func finish(_ result: Result<Void, DistributedError>) {
        outcome.withLock { $0 = result }
    }
}
