import MLXTrain
import Testing

@Suite struct RetentionTests {
    private let values = [10: 0.5, 20: 0.3, 30: 0.4, 40: 0.3, 50: 0.9]

    private func kept(_ retention: Retention) -> [Int] {
        retention.kept(of: [10, 20, 30, 40, 50, 60]) { values[$0] }.sorted()
    }

    @Test func `the newest stay, and one at least`() {
        #expect(kept(Retention(last: 2)) == [50, 60])
        #expect(kept(Retention(last: 0)) == [60])
        #expect(kept(Retention(last: 9)) == [10, 20, 30, 40, 50, 60])
    }

    @Test func `multiples of a number of steps stay`() {
        #expect(kept(Retention(last: 1, multiple: 20)) == [20, 40, 60])
        #expect(kept(Retention(last: 1, multiple: 7)) == [60])
    }

    @Test func `the best by their evaluation stay, the first of equal ones`() {
        #expect(kept(Retention(last: 1, best: 1)) == [20, 60])
        #expect(kept(Retention(last: 1, best: 2)) == [20, 40, 60])
        #expect(kept(Retention(last: 1, best: 1, metric: .accuracy)) == [50, 60])
        // Those without an evaluation are never the best.
        #expect(kept(Retention(last: 1, best: 9)) == [10, 20, 30, 40, 50, 60])
    }

    @Test func `a value that is not a number is the worst`() {
        let kept = Retention(last: 1, best: 1).kept(of: [1, 2, 3]) { $0 == 1 ? .nan : 0.5 }
        #expect(kept == [2, 3])
    }

    @Test func `a job's m-th checkpoints are multiples of both numbers`() throws {
        let job = try TestJob.decode(
            TestJob.full, "checkpoint.keep_every=4", "checkpoint.keep_best=2",
            "evaluation.metric=accuracy")
        #expect(Retention(job) == Retention(last: 3, multiple: 200, best: 2, metric: .accuracy))
        #expect(Retention(try TestJob.decode(TestJob.full)).multiple == nil)
    }
}

@Suite struct EvaluationRecordTests {
    private func evaluation(_ loss: Double, _ accuracy: Double = 0) -> Evaluation {
        Evaluation(loss: loss, accuracy: accuracy, samples: 1, seconds: 0)
    }

    @Test func `the best is found, and how long ago it was`() {
        var record = EvaluationRecord(metric: .loss)
        let isBest = [0.5, 0.4, 0.45, 0.4, .nan, 0.3].enumerated().map { index, loss in
            record.note(evaluation(loss), step: index * 10)
        }
        #expect(isBest == [true, true, false, false, false, true])
        #expect(record.best == .init(step: 50, value: 0.3))
        #expect(record.withoutImprovement == 0)
    }

    @Test func `an improvement that is too small is the best and does not count`() {
        var record = EvaluationRecord(metric: .accuracy)
        for (step, accuracy) in [0.5, 0.55, 0.58, 0.65].enumerated() {
            record.note(evaluation(0, accuracy), step: step, minDelta: 0.1)
            #expect(record.best?.step == step)
            #expect(record.withoutImprovement == [0, 1, 2, 0][step])
        }
    }

    @Test func `an evaluation of the same step is taken once`() {
        var record = EvaluationRecord(metric: .loss)
        let isBest = (0..<2).map { _ in record.note(evaluation(0.5), step: 5) }
        #expect(isBest == [true, true])
        #expect(record.withoutImprovement == 0)
    }

    @Test func `a record reads back what was written`() throws {
        var record = EvaluationRecord(metric: .loss)
        #expect(EvaluationRecord(tree: record.tree) == record)
        for (step, loss) in [0.5, 0.1 + 0.2, 0.9].enumerated() {
            record.note(evaluation(loss), step: step)
        }
        #expect(EvaluationRecord(tree: record.tree) == record)
        #expect(EvaluationRecord(tree: .null) == nil)
    }
}
