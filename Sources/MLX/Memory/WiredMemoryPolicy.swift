import Foundation

/// A rule for how much memory may be wired while some pieces of work are active.
public protocol WiredMemoryPolicy: Sendable, Identifiable where ID == AnyHashable {
    /// The limit, in bytes, for work of these sizes on top of a baseline.
    func limit(baseline: Int, activeSizes: [Int]) -> Int

    /// Whether work of one more size may start.
    func canAdmit(baseline: Int, activeSizes: [Int], newSize: Int) -> Bool
}

extension WiredMemoryPolicy {
    /// Admits everything.
    public func canAdmit(baseline: Int, activeSizes: [Int], newSize: Int) -> Bool { true }

    /// A ticket for one piece of work under this policy.
    public func ticket(
        size: Int, manager: WiredMemoryManager = .shared, kind: WiredMemoryTicketKind = .active
    ) -> WiredMemoryTicket {
        WiredMemoryTicket(size: size, policy: self, manager: manager, kind: kind)
    }
}

extension WiredMemoryPolicy where Self: Hashable {
    /// The policy itself.
    public var id: AnyHashable { AnyHashable(self) }
}

/// The baseline and the sizes of all active work.
public struct WiredSumPolicy: WiredMemoryPolicy, Hashable, Sendable {
    /// What tells this policy from others of its kind.
    public let identifier: UUID

    /// A policy of its own, or another handle of the one with this identifier.
    public init(id: UUID = UUID()) { identifier = id }

    /// The baseline and all sizes together.
    public func limit(baseline: Int, activeSizes: [Int]) -> Int {
        baseline + activeSizes.reduce(0, +)
    }
}

/// The larger of the baseline and the largest active work.
public struct WiredMaxPolicy: WiredMemoryPolicy, Hashable, Sendable {
    /// What tells this policy from others of its kind.
    public let identifier: UUID

    /// A policy of its own, or another handle of the one with this identifier.
    public init(id: UUID = UUID()) { identifier = id }

    /// The largest of the baseline and the sizes.
    public func limit(baseline: Int, activeSizes: [Int]) -> Int {
        max(baseline, activeSizes.max() ?? 0)
    }
}

/// Whether a ticket's work runs, or only keeps its place.
public enum WiredMemoryTicketKind: Sendable {
    /// The work runs: its policy's limit applies.
    case active
    /// Counts when others ask to be admitted, but applies no limit by itself.
    case reservation
}

/// One piece of work that asks for wired memory.
public struct WiredMemoryTicket: Sendable, Identifiable {
    /// What tells this ticket from others.
    public let id: UUID
    /// Bytes.
    public let size: Int
    /// Who grants it.
    public let manager: WiredMemoryManager
    /// The rule that it is granted by.
    public let policy: any WiredMemoryPolicy
    /// Whether the work runs or keeps its place.
    public let kind: WiredMemoryTicketKind

    /// A ticket that has not started.
    public init(
        id: UUID = UUID(), size: Int, policy: any WiredMemoryPolicy,
        manager: WiredMemoryManager = .shared, kind: WiredMemoryTicketKind = .active
    ) {
        self.id = id
        self.size = size
        self.policy = policy
        self.manager = manager
        self.kind = kind
    }

    /// Waits until the policy admits the work, then counts it; the limit that applies.
    public func start() async -> Int {
        await manager.start(id: id, size: size, policy: policy, kind: kind)
    }

    /// Ends the work; the limit that applies without it.
    public func end() async -> Int {
        await manager.end(id: id, policy: policy)
    }

    /// Runs the body between the ticket's start and end.
    public static func withWiredLimit<R>(
        _ ticket: WiredMemoryTicket, _ body: () async throws -> R
    ) async rethrows -> R {
        _ = await ticket.start()
        do {
            let result = try await body()
            _ = await ticket.end()
            return result
        } catch {
            _ = await ticket.end()
            throw error
        }
    }

    /// Runs the body between the ticket's start and end.
    public func withWiredLimit<R>(_ body: () async throws -> R) async rethrows -> R {
        try await Self.withWiredLimit(self, body)
    }
}
