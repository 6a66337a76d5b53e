import Glibc

/// A lock that its holder may take again.
final class RecursiveLock: @unchecked Sendable {
    // Unchecked: the mutex is only reached through the system's calls, the depth by its owner.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var depth = 0

    init() {
        mutex = .allocate(capacity: 1)
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func lock() {
        pthread_mutex_lock(mutex)
        depth += 1
    }

    func unlock() {
        depth -= 1
        pthread_mutex_unlock(mutex)
    }

    /// Runs code of the lock's owner while others may have the lock.
    func released<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let held = depth
        for _ in 0..<held { unlock() }
        defer { for _ in 0..<held { lock() } }
        return try body()
    }
}
