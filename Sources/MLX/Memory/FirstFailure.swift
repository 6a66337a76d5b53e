import Synchronization

/// The first position, in the order of the elements, at which a task on the workers failed.
final class FirstFailure: Sendable {
    private let first = Atomic<Int>(.max)

    func record(_ position: Int) { first.min(position, ordering: .relaxed) }

    var position: Int? {
        let value = first.load(ordering: .acquiring)
        return value == .max ? nil : value
    }
}
