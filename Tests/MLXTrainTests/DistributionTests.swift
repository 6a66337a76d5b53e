import MLXDistributed
import MLXTrain
import Testing

/// What a job says on how its ranks work together.
@Suite struct DistributionTests {
    @Test func `a job in tree order needs micro-batches of a fixed size`() throws {
        let job = try SampleJob()
        let error = #expect(throws: ConfigError.self) {
            try job.config("distributed.reduction=tree", "training.micro_batch_size=null")
        }
        #expect(error?.exitStatus == 64)
        #expect("\(error.map { "\($0)" } ?? "")".contains("training.micro_batch_size is required"))
        #expect(try job.config("distributed.reduction=tree").distributed.reduction == .tree)
    }

    @Test(arguments: [
        ("distributed.shared_memory=off", "needs distributed.shared_memory auto"),
        ("distributed.reduction=tree", "does not go with"),
        ("distributed.compression=bfloat16", "does not go with"),
    ])
    func `a shared-out optimizer is refused where it cannot be`(other: String, words: String)
        throws
    {
        let job = try SampleJob()
        let error = #expect(throws: ConfigError.self) {
            try job.config("distributed.sharded_optimizer=true", other)
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains(words))
        let alone = try job.config("distributed.sharded_optimizer=false", other)
        #expect(alone.distributed.shardedOptimizer == false)
        // Left open, it is done where it can be.
        #expect(try !job.config(other).distributed.mayShareOut)
        #expect(try job.config().distributed.mayShareOut)
    }

    @Test func `halved blocks give every sample to one rank, as the others do`() {
        for world in 1...6 {
            var seen: [Int] = []
            var starts: [Int] = []
            for rank in 0..<world {
                var sampler = Sampler(
                    count: 50, globalBatchSize: 22, microBatchSize: 4, seed: 5, rank: rank,
                    world: world, halves: true)
                let batch = sampler.batch(step: 1)
                seen += batch.microBatches.joined()
                starts.append(batch.firstMicroBatch)
            }
            var whole = Sampler(count: 50, globalBatchSize: 22, microBatchSize: 4, seed: 5)
            #expect(seen == Array(whole.batch(step: 1).microBatches.joined()))
            #expect(starts == starts.sorted() && starts[0] == 0)
        }
    }

    @Test(arguments: [1, 2, 3, 4])
    func `a job in tree order gives the same losses on any number of ranks`(ranks: Int) throws {
        let job = try SampleJob()
        let config = try job.config("distributed.reduction=tree")
        try job.train(config, ranks: ranks, output: "\(job.folder)/some")
        try job.train(config, output: "\(job.folder)/one")
        let losses = try ["some", "one"].map { name in
            try job.metrics(.train, output: "\(job.folder)/\(name)").map { $0["loss"]?.compact }
        }
        #expect(losses[0] == losses[1] && losses[0].count == 20)
    }
}
