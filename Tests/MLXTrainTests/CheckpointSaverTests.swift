import Foundation
import MLXDistributed
import MLXTrain
import Testing

/// How far the steps run ahead of a save.
@Suite struct CheckpointSaverTests {
    let job: SampleJob

    init() throws { job = try SampleJob() }

    /// A saver of a job that saves every `interval` steps, and where it saves.
    private func saver(
        every interval: Int, _ group: Group
    ) throws -> (CheckpointSaver, CheckpointStore) {
        let config = try job.config("checkpoint.every_steps=\(interval)", "training.steps=90")
        let folder = OutputFolder(job.output)
        try Files.makeFolder(folder.path)
        let lines = MetricsLines(
            plan: TrainingPlan(config.training, sampleCount: 85), worldSize: 1, path: "single")
        let output = try RunOutput(
            folder: folder, rank: group.rank, lines: lines, everySteps: 1, display: nil)
        let saver = CheckpointSaver(
            store: folder.checkpoints, config: config, from: nil, group: group, output: output)
        return (saver, folder.checkpoints)
    }

    @Test func `is no step where the interval is short, so that a kill costs no more than it`()
        throws
    {
        _ = try Loopback.run(size: 2) { group in
            let (saver, store) = try saver(every: 3, group)
            try saver.begin(step: 3) { sampleFiles(step: 3) }
            try saver.limitLead(at: 3)
            #expect(try store.verify(step: 3).step == 3)
        }
    }

    @Test func `is a quarter of a long interval at most`() throws {
        let open = DispatchSemaphore(value: 0)
        _ = try Loopback.run(size: 2) { group in
            let (saver, store) = try saver(every: 20, group)
            let slow = [
                CheckpointFile("model.safetensors") { file in
                    open.wait()
                    try file.append([1, 2, 3])
                }
            ]
            try saver.begin(step: 20) { slow }
            try saver.limitLead(at: 20)
            try saver.limitLead(at: 24)
            #expect(try store.steps().isEmpty)
            // Both ranks have come by without waiting.
            _ = try group.any(false)
            if group.rank == 0 { open.signal() }
            try saver.limitLead(at: 25)
            #expect(try store.verify(step: 20).step == 20)
        }
    }
}
