import MLX
import Synchronization

private let turns = Mutex(())

/// Runs the body with a number of worker threads; bodies take turns, as the number is global.
package func withWorkers<R>(_ count: Int, _ body: () throws -> R) rethrows -> R {
    try turns.withLock { _ in
        let before = Workers.count
        Workers.count = count
        defer { Workers.count = before }
        return try body()
    }
}
