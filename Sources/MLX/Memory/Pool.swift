import Glibc
import Synchronization

/// Keeps freed memory by size, so that the pages of an array are used again instead of being
/// faulted in anew.
///
/// What is kept and what is on loan are together at most twice what was on loan at one time of
/// late, so that a program whose sizes change does not keep all that it ever had; the memory that
/// lay unused for longest goes first.
final class Pool: Sendable {
    static let shared = Pool()

    private struct State {
        /// What is kept, by the place of its size; within a size what was given back last comes last.
        var free = [[Free]](repeating: [], count: Pool.sizes)
        var active = 0
        var cached = 0
        var peak = 0
        var limit = Pool.physicalMemory / 2
        var memoryLimit = Pool.physicalMemory / 10 * 8
        /// How many pieces of memory the system was asked for, and how many of them are large.
        var allocations = 0
        var largeAllocations = 0
        /// How often memory was lent or given back.
        var clock = 0
        /// How many bytes were lent, all in all.
        var lent = 0
        /// The most that was on loan in this window of time and in the one before.
        var recentPeak = 0
        var earlierPeak = 0

        /// The most that may be on loan and kept together.
        var bound: Int { Pool.slack + 2 * max(recentPeak, earlierPeak) }

        /// Counts a piece of memory that the system is asked for; the turn of large ones.
        mutating func countAllocation(_ capacity: Int) -> Int {
            allocations &+= 1
            if capacity >= Pool.largeBytes { largeAllocations &+= 1 }
            return largeAllocations
        }

        mutating func tick() {
            clock &+= 1
            if clock % Pool.window == 0 { (earlierPeak, recentPeak) = (recentPeak, active) }
            recentPeak = max(recentPeak, active)
        }
    }

    private struct Free: @unchecked Sendable {
        let address: UnsafeMutableRawPointer
        let shift: Int
        /// When it was given back.
        let time: Int
        /// How many bytes had been lent before it was lent.
        let lent: Int
    }

    /// When as much was lent as this, what was there before is taken to be in memory alone.
    private static let cachedBytes = 64 << 20

    /// So much may be kept in any case.
    private static let slack = 256 << 20
    /// How many loans and returns a window of time has: more than a large model's step.
    private static let window = 1 << 16

    private let state = Mutex(State())

    private static let alignment = 64
    private static let hugePage = 2 << 20
    /// From here on memory is aligned to huge pages, which are asked for.
    private static let largeBytes = 4 << 20
    /// Large arrays that are walked together start at different distances from a huge page, each
    /// at the next one: equal ones fall on the same cache sets and cost up to seven times.
    private static let shifts = 8
    private static let shiftBytes = 20 << 10

    /// The bytes of memory that this process may use: the machine's, or those of its control group.
    static let physicalMemory: Int = {
        let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let limits = [
            "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ].compactMap(number)
        return min(machine, limits.filter { $0 > 0 }.min() ?? machine)
    }()

    /// The number that a file of the kernel holds; nil where it is none.
    private static func number(_ path: String) -> Int? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var value = 0
        return withUnsafeMutablePointer(to: &value) { pointer in
            withVaList([pointer]) { vfscanf(file, "%ld", $0) } == 1 ? pointer.pointee : nil
        }
    }

    /// Lends at least `bytes` bytes, uninitialised; traps when the system has no memory left.
    func lend(_ bytes: Int) -> Buffer {
        let capacity = Self.capacity(for: bytes)
        let (found, turn, isTight, lent) = state.withLock { state -> (Free?, Int, Bool, Int) in
            let lent = state.lent
            state.lent &+= capacity
            state.active += capacity
            state.peak = max(state.peak, state.active)
            state.tick()
            if let free = state.free[Self.place(of: capacity)].popLast() {
                state.cached -= capacity
                return (free, 0, false, lent)
            }
            let isTight = state.cached > 0 && state.active + state.cached > state.memoryLimit
            return (nil, state.countAllocation(capacity), isTight, lent)
        }
        if let found {
            return Buffer(
                address: found.address, capacity: capacity, shift: found.shift, lent: lent,
                isCold: lent &- found.lent > Self.cachedBytes)
        }
        if isTight { clear() }
        return allocate(capacity, turn: turn, lent: lent)
    }

    /// Keeps `bytes` more bytes, whose pages the system has found and cleared.
    func prepare(_ bytes: Int) {
        let capacity = Self.capacity(for: bytes)
        let turn = state.withLock { state in
            state.active += capacity
            return state.countAllocation(capacity)
        }
        let buffer = allocate(capacity, turn: turn, lent: 0)
        // The least page that a system has; a huge one is there after its first byte.
        for offset in stride(from: 0, to: capacity, by: 4096) {
            buffer.address.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
        }
    }

    private func allocate(_ capacity: Int, turn: Int, lent: Int) -> Buffer {
        let isLarge = capacity >= Self.largeBytes
        let shift = isLarge ? (turn % Self.shifts) * Self.shiftBytes : 0
        var memory: UnsafeMutableRawPointer?
        let alignment = isLarge ? Self.hugePage : Self.alignment
        var status = posix_memalign(&memory, alignment, capacity + shift)
        if status != 0 {
            clear()
            status = posix_memalign(&memory, alignment, capacity + shift)
        }
        guard status == 0, let memory else {
            preconditionFailure("out of memory: \(capacity) bytes asked for")
        }
        if isLarge { madvise(memory, capacity + shift, MADV_HUGEPAGE) }
        return Buffer(
            address: memory + shift, capacity: capacity, shift: shift, lent: lent, isCold: false)
    }

    func recycle(address: UnsafeMutableRawPointer, capacity: Int, shift: Int, lent: Int) {
        let surplus = state.withLock { state -> [Free] in
            state.active -= capacity
            state.tick()
            let given = Free(address: address, shift: shift, time: state.clock, lent: lent)
            guard state.cached + capacity <= state.limit else { return [given] }
            state.cached += capacity
            state.free[Self.place(of: capacity)].append(given)
            return state.active + state.cached > state.bound ? Self.takeOldest(&state) : []
        }
        for entry in surplus { free(entry.address - entry.shift) }
    }

    /// Takes out what lay unused for longest, until an eighth below the bound, so that this is rare.
    private static func takeOldest(_ state: inout State) -> [Free] {
        let goal = state.bound / 8 * 7
        var ages = state.free.enumerated().flatMap { place, entries in
            entries.map { (time: $0.time, place: place) }
        }
        ages.sort { $0.time < $1.time }
        var taken: [Int: Int] = [:]
        for (_, place) in ages {
            guard state.active + state.cached > goal else { break }
            state.cached -= capacity(at: place)
            taken[place, default: 0] += 1
        }
        var surplus: [Free] = []
        for (place, count) in taken {
            surplus += state.free[place].prefix(count)
            state.free[place].removeFirst(count)
        }
        return surplus
    }

    /// Gives the kept memory back to the system.
    func clear() {
        let all = state.withLock { state in
            defer {
                state.free = State().free
                state.cached = 0
            }
            return state.free
        }
        for entry in all.joined() { free(entry.address - entry.shift) }
    }

    /// Sizes go up in eighths of a power of two, so that like sizes meet.
    private static func capacity(for bytes: Int) -> Int {
        let bytes = max(bytes, alignment)
        let top = Int.bitWidth - 1 - bytes.leadingZeroBitCount
        let step = max(alignment, 1 << max(top - 3, 0))
        return (bytes + step - 1) / step * step
    }

    /// How many places of sizes there are: eight for each power of two.
    private static let sizes = 8 * Int.bitWidth

    private static func place(of capacity: Int) -> Int {
        let top = Int.bitWidth - 1 - capacity.leadingZeroBitCount
        return 8 * top + ((capacity >> (top - 3)) & 7)
    }

    private static func capacity(at place: Int) -> Int { (8 + place % 8) << (place / 8 - 3) }
}

extension Pool {
    var figures: (active: Int, cached: Int, peak: Int, limit: Int) {
        state.withLock { ($0.active, $0.cached, $0.peak, $0.limit) }
    }

    var allocations: Int { state.withLock { $0.allocations } }

    func resetPeak() {
        state.withLock { $0.peak = $0.active }
    }

    /// Beyond this many bytes, kept memory is given back before more is taken.
    var memoryLimit: Int {
        get { state.withLock { $0.memoryLimit } }
        set { state.withLock { $0.memoryLimit = max(newValue, 0) } }
    }

    func setLimit(_ bytes: Int) {
        state.withLock { $0.limit = max(bytes, 0) }
        if figures.cached > bytes { clear() }
    }
}
