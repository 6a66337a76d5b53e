import Synchronization

/// The indices of a job, cut into a share of neighbouring ones for each thread.
///
/// A thread takes its own in order and then what others have left, from the end. So it walks memory
/// in one direction, and the same part of an array in every job on it: what it wrote it finds in its
/// caches, and no two threads pull at the same lines.
final class Shares: @unchecked Sendable {
    // Unchecked: the words are only reached through atomic operations.
    /// The next index in the low half, the end in the high half; a line of the cache each.
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    private static let spacing = 8

    /// The most indices that can be dealt.
    static let most = Int(Int32.max)

    /// For at most so many threads, for as long as the process lives.
    init(threads: Int) {
        words = .allocate(capacity: threads * Self.spacing)
        for thread in 0..<threads { (words + thread * Self.spacing).initialize(to: Atomic(0)) }
    }

    /// Cuts the indices below `count`; nobody takes any meanwhile.
    func deal(_ count: Int, threads: Int) {
        for thread in 0..<threads {
            let start = UInt64(count * thread / threads)
            let end = UInt64(count * (thread + 1) / threads)
            (words + thread * Self.spacing).pointee.store(end << 32 | start, ordering: .relaxed)
        }
    }

    /// The first index left of a thread's share.
    func takeFirst(of thread: Int) -> Int? {
        take(of: thread) { $0 + 1 }.map { Int($0 & 0xffff_ffff) }
    }

    /// The last index left of a thread's share.
    func takeLast(of thread: Int) -> Int? {
        take(of: thread) { $0 - 1 << 32 }.map { Int($0 >> 32) - 1 }
    }

    /// Puts another word in place of a share's, which is given back; nil where nothing is left.
    @inline(__always)
    private func take(of thread: Int, _ rest: (UInt64) -> UInt64) -> UInt64? {
        let word = words + thread * Self.spacing
        var seen = word.pointee.load(ordering: .relaxed)
        while seen & 0xffff_ffff < seen >> 32 {
            let (isTaken, found) = word.pointee.weakCompareExchange(
                expected: seen, desired: rest(seen), ordering: .relaxed)
            if isTaken { return seen }
            seen = found
        }
        return nil
    }
}
