import Testing

extension LaunchTests {
    @Suite("The number of processes")
    struct WorldSize {
        @Test func `The first 200 losses are the same on 1, 2, 3 and 4 processes, to 1e-5`() throws
        {
            let run = try TrainingRun("digits-mlp", "training.steps=200", "metrics.every_steps=1")
            try run.finish()
            let expected = try run.losses()
            #expect(expected.count == 200)
            for ranks in 2...4 {
                let run = try TrainingRun(
                    "digits-mlp", "training.steps=200", "metrics.every_steps=1",
                    "distributed.check_replicas_every=100")
                try run.finish(ranks: ranks)
                #expect(try run.metrics("train").allSatisfy { $0.worldSize == ranks })
                #expect(difference(try run.losses(), expected) <= 1e-5, "\(ranks) processes")
            }
        }

        @Test(arguments: [3, 1])
        func `A run saved on two processes goes on with three, and with one`(ranks: Int) throws {
            let reference = try TrainingRun.steps(60)
            try reference.finish()
            let run = try TrainingRun.steps(60)
            try run.run(ranks: 2, "--set", "training.steps=35").expectSuccess()
            try run.finish(ranks: ranks == 1 ? nil : ranks)

            let restart = try #require(try run.metrics("restart").first)
            #expect(restart.step == 35 && restart.checkpoint == "step-00000035")
            #expect(restart.worldSize == ranks)
            // The schedule of the shorter run ends earlier, so it is compared with its like.
            let shorter = try TrainingRun.steps(60)
            try shorter.run("--set", "training.steps=35").expectSuccess()
            try shorter.finish()
            #expect(difference(try run.losses(), try shorter.losses()) <= 1e-4)
            #expect(try run.losses().count == 60)
            #expect(try reference.losses().prefix(10) == shorter.losses().prefix(10))
        }

        @Test func `Each step takes the same samples in the same order on 1, 2 and 3 processes`()
            throws
        {
            func digests(_ run: TrainingRun) throws -> [String] {
                try run.metrics("train").map { try #require($0.batchDigest) }
            }
            let one = try TrainingRun.steps(50)
            try one.finish()
            let expected = try digests(one)
            #expect(expected.count == 50 && Set(expected).count == 50)
            for ranks in [2, 3] {
                let run = try TrainingRun.steps(50)
                try run.finish(ranks: ranks)
                #expect(try digests(run) == expected)
            }
            let run = try TrainingRun.steps(50)
            for (ranks, steps) in [(3, 13), (1, 20), (2, 50)] {
                let set = "training.steps=\(steps)"
                try run.run(ranks: ranks == 1 ? nil : ranks, "--set", set).expectSuccess()
            }
            #expect(try digests(run) == expected)
        }

        @Test func `More processes than micro-batches work too, with a warning`() throws {
            let settings = ["training.global_batch_size=16", "training.steps=3"]
            let run = try TrainingRun("digits-mlp", settings[0], settings[1])
            let outcome = try run.run(ranks: 3)
            #expect(outcome.status == 0)
            #expect(outcome.complaints.count == 1)
            #expect(outcome.complaints[0].contains("warning"))
            #expect(outcome.complaints[0].contains("1 of 3 ranks"))
            #expect(try run.metrics().last?.event == "end")
        }

        /// The largest difference of two lists of losses, as a fraction; infinite where they do
        /// not pair up.
        private func difference(_ losses: [Double], _ expected: [Double]) -> Double {
            guard losses.count == expected.count else { return .infinity }
            return zip(losses, expected).map { abs($0 - $1) / abs($1) }.max() ?? 0
        }
    }
}
