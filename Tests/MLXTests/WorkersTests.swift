import Glibc
import MLX
import Synchronization
import TestSupport
import Testing

@Suite("The workers")
struct WorkersTests {
    /// How often each index below a number was called.
    private final class Tally: Sendable {
        private let counts: Mutex<[Int]>
        init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }
        func add(_ index: Int) { counts.withLock { $0[index] += 1 } }
        var isOneEach: Bool { counts.withLock { $0.allSatisfy { $0 == 1 } } }
    }

    @Test("call every index exactly once", arguments: [0, 1, 2, 3, 7, 64, 1000], [1, 2, 3, 8])
    func indices(_ count: Int, _ threads: Int) {
        withWorkers(threads) {
            for _ in 0..<20 {
                let tally = Tally(count)
                Workers.shared.run(count) { tally.add($0) }
                #expect(tally.isOneEach)
            }
        }
    }

    @Test("may be called from their own tasks")
    func nested() {
        withWorkers(3) {
            let tally = Tally(20 * 30)
            Workers.shared.run(20) { outer in
                Workers.shared.run(30) { tally.add(outer * 30 + $0) }
            }
            #expect(tally.isOneEach)
        }
    }

    @Test("may be called by many threads at once")
    func manyCallers() {
        withWorkers(3) {
            concurrently(8) { _ in
                for count in 1...200 {
                    let tally = Tally(count)
                    Workers.shared.run(count) { tally.add($0) }
                    #expect(tally.isOneEach)
                }
            }
        }
    }

    @Test("keep pace with a number of threads that changes from job to job")
    func changingCounts() {
        var values = Values(seed: 5)
        for threads in values.integers(300, in: 1...6) {
            withWorkers(threads) {
                let tally = Tally(40)
                Workers.shared.run(40) { tally.add($0) }
                #expect(tally.isOneEach)
            }
        }
    }

    @Test("wake each other where they have slept")
    func sleepers() {
        withWorkers(6) {
            for turn in 0..<12 {
                let tally = Tally(6)
                // So long that helpers sleep before the job, and all but one thread in it.
                usleep(5000)
                Workers.shared.run(6) { index in
                    if index == turn % 6 { usleep(5000) }
                    tally.add(index)
                }
                #expect(tally.isOneEach)
            }
        }
    }

    @Test("hold what a job needs until its last index is done")
    func held() {
        withWorkers(4) {
            for turn in 0..<2000 {
                let numbers = [turn, turn + 1, turn + 2, turn + 3]
                let sum = Mutex(0)
                Workers.shared.run(4) { index in sum.withLock { $0 += numbers[index] } }
                #expect(sum.withLock { $0 } == 4 * turn + 6)
            }
        }
    }

    @Test("cut ranges by the number of elements alone")
    func ranges() {
        for (count, grain) in [(0, 4), (1, 4), (4, 4), (5, 4), (1000, 7)] {
            let cuts = [1, 3].map { threads in
                withWorkers(threads) {
                    let found = Mutex<[Range<Int>]>([])
                    Workers.shared.forRanges(of: count, grain: grain) { range in
                        found.withLock { $0.append(range) }
                    }
                    return found.withLock { $0.sorted { $0.lowerBound < $1.lowerBound } }
                }
            }
            #expect(cuts[0] == cuts[1])
            #expect(cuts[0].flatMap { Array($0) } == Array(0..<count))
            #expect(cuts[0].allSatisfy { $0.count <= grain })
        }
    }

    @Test("are at least one")
    func atLeastOne() {
        #expect(withWorkers(0) { Workers.count } == 1)
    }

    @Test("serve arrays on many threads at once")
    func arrays() {
        let expected = (0..<8).map { bits(Self.result($0)) }
        withWorkers(3) {
            concurrently(8) { index in
                for _ in 0..<5 { #expect(bits(Self.result(index)) == expected[index]) }
            }
        }
    }

    private static func result(_ index: Int) -> MLXArray {
        let x = random([90, 80], seed: UInt64(index))
        let (_, gradients) = valueAndGrad { [softmax(matmul($0[0], $0[0].T), axis: -1).max()] }([x])
        return gradients[0] + exp(x)
    }
}
