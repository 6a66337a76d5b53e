import Glibc

/// A thread of the system with a stack of its own size.
package struct PlatformThread: Sendable {
    private let identifier: pthread_t

    /// Starts a thread; the stack has at least `stackBytes` bytes.
    ///
    /// Throws `threadUnavailable` with the errno value where the system refuses.
    package init(
        stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
    ) throws(DistributedError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackBytes)

        let task = Unmanaged.passRetained(Task(body))
        var identifier = pthread_t()
        let code = pthread_create(
            &identifier, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Task>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, task.toOpaque())
        guard code == 0 else {
            task.release()
            throw .threadUnavailable(code: code)
        }
        self.identifier = identifier
    }

    /// True on the thread itself.
    package var isCurrent: Bool { pthread_equal(pthread_self(), identifier) != 0 }

    /// Waits for the end of the thread; call it or `detach` once.
    package func join() { pthread_join(identifier, nil) }

    /// Lets the thread clean up after itself; call it or `join` once.
    package func detach() { pthread_detach(identifier) }

    private final class Task: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
