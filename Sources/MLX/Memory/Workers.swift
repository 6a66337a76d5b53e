import CSystem
import Glibc
import Synchronization

/// The threads of this process that share the work of one operation with the caller.
///
/// A worker that has run out of work spins for a while, then sleeps until woken. Nobody waits for
/// one that is late: the others do its share.
package final class Workers: Sendable {
    package static let shared = Workers()

    /// The threads that work together, the caller's among them; the cores of the process's
    /// affinity mask unless set.
    package static var count: Int {
        get { shared.size.load(ordering: .relaxed) }
        set { shared.size.store(max(1, newValue), ordering: .relaxed) }
    }

    private let size = Atomic<Int>(max(1, Int(cs_affinity_count())))
    /// Whether a job has an owner.
    private let isTaken = SharedWord()
    /// How many helpers there are; changed by the owner of a job.
    private let started = Atomic<Int>(0)
    private let posts = Posts(threads: mostThreads)
    /// Whether the owner, thread 0, sleeps, and each helper.
    private let asleep = (0..<mostThreads).map { _ in SleepFlag() }
    private static let mostThreads = 1025

    /// Calls the body once for every index below `count`, in any order, on all workers; returns
    /// when all calls have ended. Runs on the caller alone when the workers are taken.
    package func run(_ count: Int, _ body: (Int) -> Void) {
        let threads = min(size.load(ordering: .relaxed), count, Self.mostThreads)
        guard threads > 1, count <= Posts.most,
            isTaken.value.pointee.exchange(1, ordering: .acquiring) == 0
        else {
            for index in 0..<count { body(index) }
            return
        }
        let helpers = start(threads - 1)
        posts.deal(count, threads: threads, closureWords(body))
        Self.wake(asleep, below: 0, of: threads)
        body(0)
        // A helper that was about to sleep as the shares were dealt may not have seen its own.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        Self.wake(asleep, below: 0, of: threads)
        let own = 1 + posts.workAsOwner(of: threads)
        posts.settle(count - own, helpers: helpers, asleep[0])
        // So that the closure is there until all is done.
        _ = closureWords(body)
        isTaken.value.pointee.store(0, ordering: .releasing)
    }

    /// Cuts `0 ..< count` into ranges of `grain` and calls the body for each; the cut depends on
    /// the two numbers alone, so that results do not depend on the number of threads.
    package func forRanges(of count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        run((count + grain - 1) / grain) { index in
            body(index * grain..<min(count, (index + 1) * grain))
        }
    }

    /// Sees to it that at least this many helpers exist; how many there are.
    private func start(_ needed: Int) -> Int {
        let there = started.load(ordering: .relaxed)
        if there >= needed { return there }
        for helper in there + 1...needed {
            Thread.start { [unowned self] in self.serve(helper) }
        }
        started.store(needed, ordering: .relaxed)
        return needed
    }

    private func serve(_ thread: Int) {
        cs_place_of_thread().pointee = Int32(thread)
        let (posts, asleep) = (posts, asleep)
        while true {
            let threads = posts.awaitShare(of: thread, asleep[thread])
            Self.wake(asleep, below: thread, of: threads)
            posts.workAsHelper(thread, of: threads)
            // An owner that does not see what was done is seen to sleep.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            asleep[0].wake()
        }
    }

    /// Wakes those who sleep of the two threads below one of a tree, whose root is the owner: so
    /// nobody wakes more than two.
    private static func wake(_ asleep: [SleepFlag], below thread: Int, of threads: Int) {
        for helper in 2 * thread + 1..<2 * thread + 3 where helper < threads {
            asleep[helper].wake()
        }
    }
}

/// A thread of the operating system.
enum Thread {
    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Starts a detached thread.
    static func start(_ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let status = pthread_create(
            &thread, nil,
            { argument in
                if let argument {
                    Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, body.toOpaque())
        precondition(status == 0, "the system refuses another thread (error \(status))")
        pthread_detach(thread)
    }
}
