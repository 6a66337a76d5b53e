import Synchronization

/// A model that several tasks share: one at a time uses it.
public final class ModelContainer: Sendable {
    private let context: Mutex<Held>

    private struct Held: @unchecked Sendable {
        // Unchecked: reached under the lock alone.
        let context: ModelContext
    }

    /// A container of a model that nobody else uses.
    public init(context: sending ModelContext) {
        self.context = Mutex(Held(context: context))
    }

    /// The result of the body, which has the model for itself meanwhile.
    public func perform<R: Sendable>(
        _ body: @Sendable (ModelContext) throws -> R
    ) rethrows -> R {
        try context.withLock { try body($0.context) }
    }
}
