/// The memory of the device that `.gpu` names, which is the processor here: the older names of
/// ``Memory``.
public enum GPU {
    /// The figures at one moment.
    public typealias Snapshot = Memory.Snapshot

    /// What code asks about a device before it chooses sizes.
    public struct DeviceInfo: Sendable {
        /// The processor's instruction set.
        public let architecture: String
        /// The largest array, in bytes.
        public let maxBufferSize: Int
        /// What arrays should hold at most, in bytes.
        public let maxRecommendedWorkingSetSize: UInt64
        /// The machine's memory, in bytes.
        public let memorySize: Int
    }

    /// The machine's figures.
    public static func deviceInfo() -> DeviceInfo {
        let memory = Pool.physicalMemory
        return DeviceInfo(
            architecture: architecture, maxBufferSize: memory,
            maxRecommendedWorkingSetSize: UInt64(memory / 4 * 3), memorySize: memory)
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "arm64"
        #else
            "cpu"
        #endif
    }

    /// What arrays should hold at most: three quarters of the machine's memory.
    public static func maxRecommendedWorkingSetBytes() -> Int? { Pool.physicalMemory / 4 * 3 }

    /// Starts the measurement of the peak anew.
    public static func resetPeakMemory() { Pool.shared.resetPeak() }

    /// What arrays hold now.
    @available(*, deprecated, message: "use Memory.activeMemory")
    public static var activeMemory: Int { Memory.activeMemory }

    /// What is kept for new arrays.
    @available(*, deprecated, message: "use Memory.cacheMemory")
    public static var cacheMemory: Int { Memory.cacheMemory }

    /// The most that arrays have held at one time.
    @available(*, deprecated, message: "use Memory.peakMemory")
    public static var peakMemory: Int { Memory.peakMemory }

    /// The figures of this moment.
    @available(*, deprecated, message: "use Memory.snapshot()")
    public static func snapshot() -> Snapshot { Memory.snapshot() }

    /// The most that is kept for new arrays.
    @available(*, deprecated, message: "use Memory.cacheLimit")
    public static var cacheLimit: Int { Memory.cacheLimit }

    /// Sets the most that is kept for new arrays.
    @available(*, deprecated, message: "use Memory.cacheLimit")
    public static func set(cacheLimit: Int) { Memory.cacheLimit = cacheLimit }

    /// Where kept memory is given back before more is taken.
    @available(*, deprecated, message: "use Memory.memoryLimit")
    public static var memoryLimit: Int { Memory.memoryLimit }

    /// Sets where kept memory is given back before more is taken; `relaxed` has no effect.
    @available(*, deprecated, message: "use Memory.memoryLimit")
    public static func set(memoryLimit: Int, relaxed: Bool = true) {
        Memory.memoryLimit = memoryLimit
    }

    /// Gives the kept memory back to the system.
    @available(*, deprecated, message: "use Memory.clearCache()")
    public static func clearCache() { Memory.clearCache() }

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
