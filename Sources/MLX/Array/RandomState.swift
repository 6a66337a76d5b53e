import Glibc
import Synchronization

/// A key, or a state that hands out keys.
public protocol RandomStateOrKey {
    /// A key: `[2]` uint32. A state hands out another one each time.
    func asRandomKey() -> MLXArray
}

extension MLXArray: RandomStateOrKey {
    /// The array itself.
    public func asRandomKey() -> MLXArray { self }
}

extension MLXRandom {
    /// A state that hands out one key after the other.
    public final class RandomState: RandomStateOrKey, Updatable, Evaluatable, @unchecked Sendable {
        // Unchecked: the array is only reached under the lock.
        private let lock = Mutex(())
        private let state: MLXArray

        /// A state seeded by the clock.
        public convenience init() {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            self.init(seed: UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec))
        }

        /// A state seeded by a number.
        public init(seed: UInt64) { state = MLXRandom.key(seed) }

        /// The array that holds the state.
        public func innerState() -> [MLXArray] { [state] }

        /// The next key.
        public func next() -> MLXArray {
            lock.withLock { _ in
                let (kept, handed) = MLXRandom.split(key: state)
                state._updateInternal(kept)
                return handed
            }
        }

        /// Starts the state anew.
        public func seed(_ seed: UInt64) {
            lock.withLock { _ in state._updateInternal(MLXRandom.key(seed)) }
        }

        /// The next key.
        public func asRandomKey() -> MLXArray { next() }
    }

    /// The state that ``withRandomState(_:body:)`` has set for the task.
    @TaskLocal static var taskState: RandomState?
}

/// The key to draw with: the one given, else the next of the task's state, else of the global one.
public func resolve(key: (some RandomStateOrKey)? = MLXArray?.none) -> MLXArray {
    key?.asRandomKey() ?? (MLXRandom.taskState ?? MLXRandom.globalState).next()
}

/// Runs the body with a state of its own for all draws without a key.
public func withRandomState<R>(_ state: MLXRandom.RandomState, body: () throws -> R) rethrows -> R {
    try MLXRandom.$taskState.withValue(state, operation: body)
}

/// Runs the body with a state of its own for all draws without a key.
public nonisolated(nonsending) func withRandomState<R>(
    _ state: MLXRandom.RandomState, body: () async throws -> R
) async rethrows -> R {
    try await MLXRandom.$taskState.withValue(state, operation: body)
}
