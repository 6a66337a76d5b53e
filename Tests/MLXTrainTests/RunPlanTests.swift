import MLXTrain
import Testing

@Suite struct RunPlanTests {
    private func config(_ overrides: String...) throws -> TrainConfig {
        let json = """
            {
              "task": "classification", "model": {"type": "mlp", "hidden": [4]},
              "data": {"format": "csv", "path": "x.csv"},
              "optimizer": {"type": "sgd", "learning_rate": 0.4},
              "training": {"steps": 100, "global_batch_size": 64}
            }
            """
        return try TrainConfig(json: json, overrides: overrides)
    }

    @Test func `the first reached of steps and epochs ends a run`() throws {
        let epochs = try config("training.epochs=2")
        #expect(TrainingPlan(epochs.training, sampleCount: 1437).totalSteps == 46)
        #expect(TrainingPlan(epochs.training, sampleCount: 64_000).totalSteps == 100)
    }

    @Test func `samples and epochs count the short batch at an epoch's end`() throws {
        let plan = TrainingPlan(try config().training, sampleCount: 1437)
        #expect(plan.stepsPerEpoch == 23)
        #expect(plan.samples(after: 22) == 1408)
        #expect(plan.samples(after: 23) == 1437)
        #expect(plan.samples(after: 24) == 1501)
        #expect(plan.epochs(after: 46) == 2)
    }

    @Test func `the learning rate warms up and then follows its schedule`() throws {
        let cosine = try config(
            "optimizer.schedule={\"type\": \"cosine\", \"warmup_steps\": 4, \"end\": 0.1}")
        let rate = LearningRate(cosine.optimizer, totalSteps: 20)
        #expect((1...4).map { rate($0) } == [0.1, 0.2, 0.4 * 3 / 4, 0.4])
        #expect(abs(rate(12) - 0.25) < 1e-12)
        #expect(abs(rate(20) - 0.1) < 1e-12)
        let linear = try config("optimizer.schedule={\"type\": \"linear\"}")
        #expect(LearningRate(linear.optimizer, totalSteps: 20)(5) == 0.4 * 0.75)
        let wsd = try config(
            "optimizer.schedule={\"type\": \"wsd\", \"warmup_steps\": 4, \"end\": 0.1}")
        let stable = LearningRate(wsd.optimizer, totalSteps: 20)
        #expect([2, 4, 10, 16].map { stable($0) } == [0.2, 0.4, 0.4, 0.4])
        #expect(abs(stable(18) - 0.25) < 1e-12 && abs(stable(20) - 0.1) < 1e-12)
        let long = try config("optimizer.schedule={\"type\": \"wsd\", \"decay_steps\": 10}")
        #expect(abs(LearningRate(long.optimizer, totalSteps: 20)(15) - 0.2) < 1e-12)
        let constant = try config()
        #expect(LearningRate(constant.optimizer, totalSteps: 20)(17) == 0.4)
    }

    @Test func `a state reads back what was written`() throws {
        let job = try config()
        let plan = TrainingPlan(job.training, sampleCount: 1437)
        let state = TrainState(
            step: 24, worldSize: 3, config: job,
            evaluations: EvaluationRecord(metric: .loss), baseModel: "5a")
        #expect(try TrainState(text: Array(state.text(plan: plan).utf8)) == state)
        #expect(throws: RefusalReason.self) { try TrainState(text: Array("{}".utf8)) }
    }

    @Test func `a report on a pipe is a line and on a terminal a bar`() {
        var shown = ""
        let lines = ProgressDisplay(total: 10, isTerminal: false, width: 80) { shown += $0 }
        lines.advance(step: 5, loss: 0.5, pace: Pace(samples: 100, tokens: nil, seconds: 1))
        lines.report(
            step: 5, loss: 0.5, learningRate: 0.001,
            pace: Pace(samples: 100, tokens: nil, seconds: 1))
        #expect(shown == "step 5/10  loss 0.5  learning rate 0.001  100 samples/s\n")
        shown = ""
        let bar = ProgressDisplay(total: 10, isTerminal: true, width: 80) { shown += $0 }
        bar.advance(step: 5, loss: 0.5, pace: Pace(samples: 100, tokens: nil, seconds: 1))
        bar.report(
            step: 5, loss: 0.5, learningRate: 0.001,
            pace: Pace(samples: 100, tokens: nil, seconds: 1))
        #expect(shown.hasPrefix("\r[###"))
        #expect(shown.contains("5/10  loss 0.5  100 samples/s"))
        bar.finish()
        #expect(shown.hasSuffix("\n"))
    }
}
