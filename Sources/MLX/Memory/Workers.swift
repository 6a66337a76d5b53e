import CSystem
import Glibc
import Synchronization

/// The threads of this process that share the work of one operation with the caller.
///
/// A worker that has run out of work spins for a while, then sleeps until woken. Nobody waits for
/// one that is late: the others do its share, and it finds the gate closed.
package final class Workers: Sendable {
    package static let shared = Workers()

    /// The threads that work together, the caller's among them; the cores of the process's
    /// affinity mask unless set.
    package static var count: Int {
        get { shared.size.load(ordering: .relaxed) }
        set { shared.size.store(max(1, newValue), ordering: .relaxed) }
    }

    private struct Job: @unchecked Sendable {
        var body: (Int) -> Void = { _ in }
    }

    private let size = Atomic<Int>(max(1, Int(cs_affinity_count())))
    private let started = Mutex(0)
    private let busy = Atomic<Bool>(false)
    private let job = UnsafeCell(Job())
    private let shares = Shares(threads: mostThreads)
    private let gate = Gate()
    private let bell = Bell(helpers: mostThreads)
    private static let mostThreads = Bell.most + 1

    /// Calls the body once for every index below `count`, in any order, on all workers; returns
    /// when all calls have ended. Runs on the caller alone when the workers are taken.
    package func run(_ count: Int, _ body: (Int) -> Void) {
        let threads = min(size.load(ordering: .relaxed), count, Self.mostThreads)
        guard threads > 1, count <= Shares.most, !busy.exchange(true, ordering: .acquiring) else {
            for index in 0..<count { body(index) }
            return
        }
        withoutActuallyEscaping(body) { body in
            start(threads - 1)
            job.value = Job(body: body)
            shares.deal(count, threads: threads)
            gate.open()
            bell.ring(for: threads - 1)
            work(0, of: threads)
            gate.close()
            job.value = Job()
        }
        busy.store(false, ordering: .releasing)
    }

    /// Cuts `0 ..< count` into ranges of `grain` and calls the body for each; the cut depends on
    /// the two numbers alone, so that results do not depend on the number of threads.
    package func forRanges(of count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        run((count + grain - 1) / grain) { index in
            body(index * grain..<min(count, (index + 1) * grain))
        }
    }

    /// Does a thread's own share of the job, then what is left of the others'.
    private func work(_ thread: Int, of threads: Int) {
        let body = job.value.body
        while let index = shares.takeFirst(of: thread) { body(index) }
        for step in 1..<threads {
            let other = (thread + step) % threads
            while let index = shares.takeLast(of: other) { body(index) }
        }
    }

    /// Sees to it that at least this many helper threads exist.
    private func start(_ needed: Int) {
        started.withLock { started in
            while started < needed {
                let number = started
                Thread.start { [unowned self] in self.serve(number) }
                started += 1
            }
        }
    }

    private func serve(_ number: Int) {
        var seen: UInt32 = 0
        cs_place_of_thread().pointee = Int32(number + 1)
        while true {
            let helpers = bell.wait(number, after: &seen)
            // A helper beyond the threads of this job sits it out.
            guard number < helpers, gate.enter() else { continue }
            work(number + 1, of: helpers + 1)
            gate.leave()
        }
    }
}

/// A value that several threads reach; who may touch it when is settled elsewhere.
final class UnsafeCell<Value>: @unchecked Sendable {
    // Unchecked: the owner orders the accesses by an atomic.
    var value: Value

    init(_ value: Value) { self.value = value }
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
