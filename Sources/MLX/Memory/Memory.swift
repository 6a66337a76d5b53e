/// The memory that arrays hold, in bytes.
public enum Memory {
    /// The figures at one moment.
    public struct Snapshot: CustomStringConvertible, Codable, Sendable {
        /// What arrays held.
        public var activeMemory: Int

        /// What was kept for new arrays.
        public var cacheMemory: Int

        /// The most that arrays had held at one time.
        public var peakMemory: Int

        /// What changed from this moment to another.
        public func delta(_ other: Snapshot) -> Snapshot {
            Snapshot(
                activeMemory: other.activeMemory - activeMemory,
                cacheMemory: other.cacheMemory - cacheMemory,
                peakMemory: other.peakMemory - peakMemory)
        }

        /// The three figures, one a line, in KiB.
        public var description: String {
            func line(_ name: String, _ bytes: Int) -> String { "\(name): \(bytes / 1024) KiB" }
            return [
                line("active", activeMemory), line("cache", cacheMemory), line("peak", peakMemory),
            ].joined(separator: "\n")
        }
    }

    /// What arrays hold now.
    public static var activeMemory: Int { Pool.shared.figures.active }

    /// What is kept for new arrays.
    public static var cacheMemory: Int { Pool.shared.figures.cached }

    /// The most that arrays have held at one time; setting it starts the measurement anew.
    public static var peakMemory: Int {
        get { Pool.shared.figures.peak }
        set { Pool.shared.resetPeak() }
    }

    /// The figures of this moment.
    public static func snapshot() -> Snapshot {
        let figures = Pool.shared.figures
        return Snapshot(
            activeMemory: figures.active, cacheMemory: figures.cached, peakMemory: figures.peak)
    }

    /// The most that is kept for new arrays; half of the machine's memory unless set. In any case it
    /// is about as much as was on loan at one time of late.
    public static var cacheLimit: Int {
        get { Pool.shared.figures.limit }
        set { Pool.shared.setLimit(newValue) }
    }

    /// Beyond what arrays hold and what is kept together, kept memory is given back before more is
    /// taken; eight tenths of the machine's memory unless set.
    public static var memoryLimit: Int {
        get { Pool.shared.memoryLimit }
        set { Pool.shared.memoryLimit = newValue }
    }

    /// The bytes of memory that this process may use: the machine's, or those of its control group.
    package static var physicalMemory: Int { Pool.physicalMemory }

    /// How many pieces of memory the system was asked for so far; those that were kept and used
    /// again don't count.
    package static var allocationCount: Int { Pool.shared.allocations }

    /// Takes more memory from the system for arrays of so many bytes each, and keeps it: whoever
    /// needs it then does not wait for the system to find and clear its pages.
    package static func prepare(byteCounts: [Int]) {
        for bytes in byteCounts { Pool.shared.prepare(bytes) }
    }

    /// Gives the kept memory back to the system.
    public static func clearCache() { Pool.shared.clear() }

    /// Runs the body; nothing is wired on the processor.
    @available(*, deprecated, message: "use WiredMemoryTicket.withWiredLimit(_:)")
    public static func withWiredLimit<R>(_ limit: Int, _ body: () throws -> R) rethrows -> R {
        try body()
    }

    /// Runs the body; nothing is wired on the processor.
    @available(*, deprecated, message: "use WiredMemoryTicket.withWiredLimit(_:)")
    public static func withWiredLimit<R>(
        _ limit: Int, _ body: () async throws -> R
    ) async rethrows -> R {
        try await body()
    }
}
