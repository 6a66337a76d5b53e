import Glibc
import Synchronization

/// Keeps freed memory by size, so that the pages of an array are used again instead of being
/// faulted in anew.
final class Pool: Sendable {
    static let shared = Pool()

    private struct State {
        var free: [Int: [Free]] = [:]
        var active = 0
        var cached = 0
        var peak = 0
        var limit = Pool.physicalMemory / 2
        var memoryLimit = Pool.physicalMemory / 10 * 8
        /// How many pieces of memory the system was asked for.
        var allocations = 0
    }

    private struct Free: @unchecked Sendable {
        let address: UnsafeMutableRawPointer
        let shift: Int
    }

    private let state = Mutex(State())

    private static let alignment = 64
    private static let hugePage = 2 << 20
    /// From here on memory is aligned to huge pages, which are asked for.
    private static let largeBytes = 4 << 20
    /// Large arrays that are walked together start at different distances from a huge page: equal
    /// ones fall on the same cache sets and cost up to seven times.
    private static let shifts = 8
    private static let shiftBytes = 20 << 10

    /// The bytes of memory that the machine has.
    static var physicalMemory: Int {
        sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Lends at least `bytes` bytes, uninitialised; traps when the system has no memory left.
    func lend(_ bytes: Int) -> Buffer {
        let capacity = Self.capacity(for: bytes)
        let (found, turn, isTight) = state.withLock { state -> (Free?, Int, Bool) in
            state.active += capacity
            state.peak = max(state.peak, state.active)
            if let free = state.free[capacity]?.popLast() {
                state.cached -= capacity
                return (free, 0, false)
            }
            state.allocations &+= 1
            let isTight = state.cached > 0 && state.active + state.cached > state.memoryLimit
            return (nil, state.allocations, isTight)
        }
        if let found {
            return Buffer(address: found.address, capacity: capacity, shift: found.shift)
        }
        if isTight { clear() }
        return allocate(capacity, turn: turn)
    }

    private func allocate(_ capacity: Int, turn: Int) -> Buffer {
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
        return Buffer(address: memory + shift, capacity: capacity, shift: shift)
    }

    func recycle(address: UnsafeMutableRawPointer, capacity: Int, shift: Int) {
        let keeps = state.withLock { state -> Bool in
            state.active -= capacity
            guard state.cached + capacity <= state.limit else { return false }
            state.cached += capacity
            state.free[capacity, default: []].append(Free(address: address, shift: shift))
            return true
        }
        if !keeps { free(address - shift) }
    }

    /// Gives the kept memory back to the system.
    func clear() {
        let all = state.withLock { state -> [Int: [Free]] in
            defer {
                state.free = [:]
                state.cached = 0
            }
            return state.free
        }
        for entry in all.values.joined() { free(entry.address - entry.shift) }
    }

    /// Sizes go up in eighths of a power of two, so that like sizes meet.
    private static func capacity(for bytes: Int) -> Int {
        let bytes = max(bytes, alignment)
        let top = Int.bitWidth - 1 - bytes.leadingZeroBitCount
        let step = max(alignment, 1 << max(top - 3, 0))
        return (bytes + step - 1) / step * step
    }
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
