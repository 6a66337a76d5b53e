import Foundation

/// Something that happened to wired memory.
public struct WiredMemoryEvent: Sendable {
    /// What happened.
    public enum Kind: String, Sendable {
        case baselineCaptured, admissionWait, admissionGranted, admissionCancelled
        case ticketStarted, ticketStartIgnored, ticketEnded, ticketEndIgnored
        case limitComputed, limitApplied, limitApplyFailed, baselineRestored
    }

    /// Counts the events of a manager from 1.
    public let sequence: UInt64
    /// When it happened.
    public let timestamp: Date
    /// What happened.
    public let kind: Kind
    /// The ticket that it happened to.
    public let ticketID: UUID?
    /// The ticket's bytes.
    public let size: Int?
    /// The ticket's policy.
    public let policy: String?
    /// The limit without any ticket, in bytes.
    public let baseline: Int?
    /// The limit that the policies ask for, in bytes.
    public let desiredLimit: Int?
    /// The limit that applies, in bytes.
    public let appliedLimit: Int?
    /// How many tickets are counted.
    public let activeCount: Int
    /// How many tickets wait to be admitted.
    public let waiterCount: Int

    /// An event by its parts.
    public init(
        sequence: UInt64, timestamp: Date, kind: Kind, ticketID: UUID? = nil, size: Int? = nil,
        policy: String? = nil, baseline: Int? = nil, desiredLimit: Int? = nil,
        appliedLimit: Int? = nil, activeCount: Int, waiterCount: Int
    ) {
        self.sequence = sequence
        self.timestamp = timestamp
        self.kind = kind
        self.ticketID = ticketID
        self.size = size
        self.policy = policy
        self.baseline = baseline
        self.desiredLimit = desiredLimit
        self.appliedLimit = appliedLimit
        self.activeCount = activeCount
        self.waiterCount = waiterCount
    }
}

/// How a manager of wired memory behaves.
public struct WiredMemoryManagerConfiguration: Sendable, Hashable {
    /// The share of the applied limit that a lower one must save before it is applied while work is
    /// active.
    public var shrinkThresholdRatio: Double
    /// The seconds that must pass between a change of the limit and a lower one.
    public var shrinkCooldown: TimeInterval
    /// Whether tickets are admitted and counted where memory can't be wired, as on the processor.
    public var policyOnlyWhenUnsupported: Bool
    /// The limit without any ticket, in bytes; nil for the manager's own.
    public var baselineOverride: Int?
    /// Whether the baseline is the recommended working set where memory can't be wired; else it is
    /// 0.
    public var useRecommendedWorkingSetWhenUnsupported: Bool

    /// A configuration by its parts.
    public init(
        shrinkThresholdRatio: Double = 0.25, shrinkCooldown: TimeInterval = 1.0,
        policyOnlyWhenUnsupported: Bool = true, baselineOverride: Int? = nil,
        useRecommendedWorkingSetWhenUnsupported: Bool = true
    ) {
        self.shrinkThresholdRatio = shrinkThresholdRatio
        self.shrinkCooldown = shrinkCooldown
        self.policyOnlyWhenUnsupported = policyOnlyWhenUnsupported
        self.baselineOverride = baselineOverride
        self.useRecommendedWorkingSetWhenUnsupported = useRecommendedWorkingSetWhenUnsupported
    }
}

/// Admits work by the policies of its tickets and keeps the limit that follows.
///
/// The processor wires no memory: the limit is a number that work agrees on, nothing more.
public actor WiredMemoryManager {
    /// The manager of the process.
    public static let shared = WiredMemoryManager()

    private struct Ticket {
        let size: Int
        let policy: any WiredMemoryPolicy
        let kind: WiredMemoryTicketKind
    }

    private struct Waiter {
        let id: UUID
        let ticket: Ticket
        let continuation: CheckedContinuation<Bool, Never>
    }

    private var configuration: WiredMemoryManagerConfiguration
    private var tickets: [UUID: Ticket] = [:]
    private var waiters: [Waiter] = []
    private var baseline: Int?
    private var applied = 0
    private var lastChange: Date?
    private var sequence: UInt64 = 0
    private var listeners: [UUID: AsyncStream<WiredMemoryEvent>.Continuation] = [:]

    init(configuration: WiredMemoryManagerConfiguration = .init()) {
        self.configuration = configuration
    }

    /// A manager of its own.
    public static func makeForTesting(
        configuration: WiredMemoryManagerConfiguration = .init()
    ) -> WiredMemoryManager {
        WiredMemoryManager(configuration: configuration)
    }

    /// Changes the configuration.
    public func updateConfiguration(_ update: (inout WiredMemoryManagerConfiguration) -> Void) {
        update(&configuration)
    }

    /// Replaces the configuration of the process's manager.
    public static func configureShared(_ configuration: WiredMemoryManagerConfiguration) async {
        await shared.updateConfiguration { $0 = configuration }
    }

    /// What happens from now on, for as long as somebody listens.
    public func events() -> AsyncStream<WiredMemoryEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: WiredMemoryEvent.self)
        let id = UUID()
        listeners[id] = continuation
        continuation.onTermination = { [weak self] _ in
            Task { await self?.forget(id) }
        }
        return stream
    }

    private func forget(_ listener: UUID) { listeners[listener] = nil }

    /// Waits until the policy admits the work, then counts it; the limit that applies, in bytes.
    ///
    /// A ticket that has started already is passed over; one whose task is cancelled while it
    /// waits is not counted.
    public func start(
        id: UUID, size: Int, policy: any WiredMemoryPolicy, kind: WiredMemoryTicketKind
    ) async -> Int {
        let ticket = Ticket(size: size, policy: policy, kind: kind)
        guard configuration.policyOnlyWhenUnsupported else { return captureBaseline() }
        if tickets[id] != nil || waiters.contains(where: { $0.id == id }) {
            emit(.ticketStartIgnored, id, ticket)
            return applied
        }
        _ = captureBaseline()
        if waiters.isEmpty, admits(ticket) {
            count(id, ticket)
        } else if await !waits(id, ticket) {
            emit(.admissionCancelled, id, ticket)
        }
        return applied
    }

    /// Ends the work of a ticket; the limit that applies without it, in bytes.
    public func end(id: UUID, policy: any WiredMemoryPolicy) -> Int {
        guard let ticket = tickets.removeValue(forKey: id) else {
            emit(.ticketEndIgnored, id, nil)
            return applied
        }
        emit(.ticketEnded, id, ticket)
        apply()
        admitWaiters()
        return applied
    }
}

extension WiredMemoryManager {
    private func captureBaseline() -> Int {
        if let baseline { return baseline }
        let own =
            configuration.useRecommendedWorkingSetWhenUnsupported
            ? GPU.maxRecommendedWorkingSetBytes() ?? 0 : 0
        let value = configuration.baselineOverride ?? own
        baseline = value
        applied = value
        emit(.baselineCaptured, nil, nil)
        return value
    }

    /// Whether a ticket's policy admits it beside those that are counted.
    private func admits(_ ticket: Ticket) -> Bool {
        let sizes = tickets.values.filter { $0.policy.id == ticket.policy.id }.map(\.size)
        return ticket.policy.canAdmit(
            baseline: captureBaseline(), activeSizes: sizes, newSize: ticket.size)
    }

    private func count(_ id: UUID, _ ticket: Ticket) {
        tickets[id] = ticket
        emit(.ticketStarted, id, ticket)
        apply()
    }

    /// Whether the ticket was admitted in the end.
    private func waits(_ id: UUID, _ ticket: Ticket) async -> Bool {
        emit(.admissionWait, id, ticket)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { return continuation.resume(returning: false) }
                waiters.append(Waiter(id: id, ticket: ticket, continuation: continuation))
            }
        } onCancel: {
            Task { await self.cancel(id) }
        }
    }

    private func cancel(_ id: UUID) {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return }
        waiters.remove(at: index).continuation.resume(returning: false)
    }

    /// Admits who waits, first come first served.
    private func admitWaiters() {
        while let first = waiters.first, admits(first.ticket) {
            waiters.removeFirst()
            emit(.admissionGranted, first.id, first.ticket)
            count(first.id, first.ticket)
            first.continuation.resume(returning: true)
        }
    }

    /// The limit that the policies of active work ask for; the baseline where none is active.
    private func desiredLimit(over baseline: Int) -> Int {
        let groups = Dictionary(grouping: tickets.values) { $0.policy.id }
        let limits = groups.values.compactMap { group -> Int? in
            guard group.contains(where: { $0.kind == .active }) else { return nil }
            return group.first?.policy.limit(baseline: baseline, activeSizes: group.map(\.size))
        }
        return limits.max() ?? baseline
    }

    /// Makes the desired limit apply; a lower one only where it saves enough and after a while, or
    /// where no ticket is left.
    private func apply() {
        let baseline = captureBaseline()
        if tickets.isEmpty {
            applied = baseline
            lastChange = nil
            self.baseline = nil
            return emit(.baselineRestored, nil, nil)
        }
        let desired = desiredLimit(over: baseline)
        emit(.limitComputed, nil, nil, desired: desired)
        if desired == applied { return }
        if desired < applied {
            let saved = Double(applied - desired)
            let waited = lastChange.map { Date().timeIntervalSince($0) } ?? .infinity
            guard saved >= Double(applied) * configuration.shrinkThresholdRatio,
                waited >= configuration.shrinkCooldown
            else { return }
        }
        applied = desired
        lastChange = Date()
        emit(.limitApplied, nil, nil, desired: desired)
    }

    private func emit(
        _ kind: WiredMemoryEvent.Kind, _ id: UUID?, _ ticket: Ticket?, desired: Int? = nil
    ) {
        sequence += 1
        let event = WiredMemoryEvent(
            sequence: sequence, timestamp: Date(), kind: kind, ticketID: id, size: ticket?.size,
            policy: ticket.map { "\($0.policy)" }, baseline: baseline, desiredLimit: desired,
            appliedLimit: applied, activeCount: tickets.count, waiterCount: waiters.count)
        for listener in listeners.values { listener.yield(event) }
    }
}
