import CSystem
import Synchronization

/// What each thread has to do of a job: a share of its indices, neighbouring ones.
///
/// A thread takes its own in order and then what others have left, from the end. So it walks memory
/// in one direction, and the same part of an array in every job on it: what it wrote it finds in its
/// caches, and no two threads pull at the same lines.
///
/// To move a line of the cache from core to core takes longer than all else here. What passes
/// between the owner of a job, thread 0, and a helper lies on one, and nothing that helpers read is
/// on one with what the owner writes. A helper that comes late finds its share empty, or one of a
/// later job, which is as good: what is done with an index is looked up once it is taken, and is
/// there until the index is done.
struct Posts: @unchecked Sendable {
    // Unchecked: posts are only reached through atomic operations.

    private struct Post: ~Copyable {
        /// The next index in the low half, the end in the high half.
        let share = Atomic<UInt64>(0)
        /// What is done with the indices, and how many threads have a share of them.
        let function = Atomic<UnsafeRawPointer?>(nil)
        let context = Atomic<UnsafeRawPointer?>(nil)
        let threads = Atomic<Int>(0)
        /// How many indices a helper has done since it was started; of the owner's post, how many all
        /// of them have done in the jobs that have ended.
        let done = Atomic<Int>(0)
    }

    private let posts: UnsafeMutableRawPointer
    /// Two lines, as processors fetch them in pairs.
    private static let spacing = 128

    /// The most indices that can be dealt.
    static let most = Int(Int32.max)

    /// For at most so many threads, for as long as the process lives.
    init(threads: Int) {
        posts = .allocate(byteCount: threads * Self.spacing, alignment: Self.spacing)
        for thread in 0..<threads {
            (posts + thread * Self.spacing).bindMemory(to: Post.self, capacity: 1)
                .initialize(to: Post())
        }
    }

    @inline(__always)
    private func post(_ thread: Int) -> UnsafeMutablePointer<Post> {
        (posts + thread * Self.spacing).assumingMemoryBound(to: Post.self)
    }

    /// Whether there is something left of a thread's share.
    @inline(__always)
    private func hasShare(_ thread: Int) -> Bool {
        let share = post(thread).pointee.share.load(ordering: .sequentiallyConsistent)
        return share & 0xffff_ffff < share >> 32
    }

    /// Puts another word in place of a share's, which is given back; nil where nothing is left.
    @inline(__always)
    private func take(of thread: Int, _ rest: (UInt64) -> UInt64) -> UInt64? {
        let post = post(thread)
        var seen = post.pointee.share.load(ordering: .relaxed)
        while seen & 0xffff_ffff < seen >> 32 {
            let (isTaken, found) = post.pointee.share.weakCompareExchange(
                expected: seen, desired: rest(seen), successOrdering: .acquiring,
                failureOrdering: .relaxed)
            if isTaken { return seen }
            seen = found
        }
        return nil
    }

    /// Does the first index left of a thread's share, if there is one.
    @inline(__always)
    private func doFirst(of thread: Int) -> Bool {
        guard let share = take(of: thread, { $0 + 1 }) else { return false }
        call(Int(share & 0xffff_ffff), of: thread)
        return true
    }

    /// Does the last index left of a thread's share, if there is one.
    @inline(__always)
    private func doLast(of thread: Int) -> Bool {
        guard let share = take(of: thread, { $0 - 1 << 32 }) else { return false }
        call(Int(share >> 32) - 1, of: thread)
        return true
    }

    @inline(__always)
    private func call(_ index: Int, of thread: Int) {
        let post = post(thread)
        cs_call_closure(
            post.pointee.function.load(ordering: .relaxed),
            post.pointee.context.load(ordering: .relaxed), index)
    }
}

/// What the owner of a job does.
extension Posts {
    /// Cuts the indices below `count`, the first of which the owner has taken, into a share for each
    /// thread; by the words of a closure that is there until all are done.
    func deal(_ count: Int, threads: Int, _ body: ClosureWords) {
        for thread in 0..<threads {
            let start = UInt64(thread == 0 ? 1 : count * thread / threads)
            let end = UInt64(count * (thread + 1) / threads)
            let post = post(thread)
            post.pointee.function.store(body.function, ordering: .relaxed)
            post.pointee.context.store(body.context, ordering: .relaxed)
            post.pointee.threads.store(threads, ordering: .relaxed)
            post.pointee.share.store(end << 32 | start, ordering: .releasing)
        }
    }

    /// Does what is left of the owner's share, then what is left of the helpers'; returns how many
    /// indices that was.
    func workAsOwner(of threads: Int) -> Int {
        var count = 0
        while doFirst(of: 0) { count += 1 }
        for other in 1..<threads { while doLast(of: other) { count += 1 } }
        return count
    }

    /// Returns when helpers, of whom there are so many, have done `count` indices more.
    func settle(_ count: Int, helpers: Int, _ asleep: SleepFlag) {
        if count == 0 { return }
        let settled = post(0).pointee.done.load(ordering: .relaxed) + count
        post(0).pointee.done.store(settled, ordering: .relaxed)
        asleep.wait {
            var done = 0
            for helper in 1..<helpers + 1 {
                done += post(helper).pointee.done.load(ordering: .sequentiallyConsistent)
            }
            return done == settled
        }
    }
}

/// What a helper does.
extension Posts {
    /// Waits for a share; the number of threads of its job.
    func awaitShare(of thread: Int, _ asleep: SleepFlag) -> Int {
        asleep.wait { hasShare(thread) }
        return post(thread).pointee.threads.load(ordering: .relaxed)
    }

    /// Does the thread's share, then what is left of the others', until it has another one.
    func workAsHelper(_ thread: Int, of threads: Int) {
        var count = 0
        while doFirst(of: thread) { count += 1 }
        // One word for all: the owner, which waits for it, would take the line away each time.
        if count > 0 { add(done: count, by: thread) }
        for step in 1..<threads {
            let other = (thread + step) % threads
            while !hasShare(thread), doLast(of: other) { add(done: 1, by: thread) }
        }
    }

    private func add(done count: Int, by thread: Int) {
        let done = post(thread).pointee.done.load(ordering: .relaxed)
        post(thread).pointee.done.store(done + count, ordering: .releasing)
    }
}

/// A closure without a reference to it.
typealias ClosureWords = (function: UnsafeRawPointer?, context: UnsafeRawPointer?)

/// The function and the context of a closure, by which it is called without counting references: all
/// threads would write to the line of the count. The closure is there for as long as whoever asked
/// does something with it afterwards.
@_silgen_name("cs_closure_words")
func closureWords(_ body: (Int) -> Void) -> ClosureWords
