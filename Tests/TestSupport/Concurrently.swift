import Dispatch

/// Calls the body with every index below `count`, each on a thread of its own as far as there are
/// some, and returns when all calls have ended.
package func concurrently(_ count: Int, _ body: @Sendable (Int) -> Void) {
    DispatchQueue.concurrentPerform(iterations: count, execute: body)
}
