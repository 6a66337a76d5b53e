import MLXLaunch
import Testing

@Suite("The first failure of a job")
struct FirstFailureTests {
    /// Ranks with a status or a negative signal each, and the milliseconds at which they ended.
    private func first(_ ends: [(code: Int32, time: Int)], words: Set<Int> = []) -> Int? {
        let start = ContinuousClock.now
        let records = ends.enumerated().map { rank, end in
            RankRecord(
                rank: rank, host: "h", process: 1,
                end: RankEnd(
                    status: max(0, end.code), signal: max(0, -end.code), step: 4),
                ended: start + .milliseconds(end.time))
        }
        return records.firstFailure { words.contains($0) }?.rank
    }

    @Test func `is the one that came first`() {
        #expect(first([(0, 0), (70, 20), (65, 10)]) == 2)
        #expect(first([(0, 0), (0, 1)]) == nil)
    }

    @Test func `is a killed rank, although one that misses it was heard of before`() {
        #expect(first([(69, 0), (-9, 30), (69, 20)], words: [0]) == 1)
    }

    @Test func `is not the loss of a peer where another has an error`() {
        #expect(first([(69, 0), (70, 5)]) == 1)
    }

    @Test func `is the one that says why, where all end with the same status`() {
        #expect(first([(65, 0), (65, 1), (65, 2)], words: [1]) == 1)
    }

    @Test func `is not a rank that mpirun ended with SIGTERM`() {
        #expect(first([(-15, 0), (3, 100)]) == 1)
    }

    @Test func `is not one that came much later`() {
        #expect(first([(70, 0), (-9, 2000)]) == 0)
    }

    @Test func `that another start would repeat, or nobody wants, is final`() {
        #expect(LaunchStatus.final == [0, 64, 65, 66, 73, 75])
    }

    @Test func `is told with rank, host, signal and step`() {
        var record = RankRecord(
            rank: 2, host: "node7", process: 31,
            end: RankEnd(status: 0, signal: 9, step: 431), ended: .now)
        #expect(
            AttemptEnd.failed(record, errors: []).words
                == "rank 2 (node7, process 31) was killed by signal 9 (Killed) at step 431")
        #expect(AttemptEnd.failed(record, errors: []).status == 137)
        record.end = RankEnd(status: 3, signal: 0, step: 0)
        #expect(
            AttemptEnd.failed(record, errors: []).words
                == "rank 2 (node7, process 31) ended with status 3 before its first step")
        record.end = RankEnd(status: 65, signal: 0, step: -1)
        #expect(AttemptEnd.failed(record, errors: ["why"]).words == nil)
    }
}
