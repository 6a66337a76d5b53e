import MLX
import MLXDistributed
import MLXNN

/// The task of telling the classes of samples apart.
package final class Classification: TrainingTask {
    private let data: DataSplit
    private let layers: any UnaryLayer
    package let activations: Double
    private let loop: GradientLoop<MicroBatch>

    /// The task of a job's data, with a model: samples [N, ...] to logits [N, classes].
    package init(data: DataSplit, model: any UnaryLayer, activations: Double) {
        (self.data, layers, self.activations) = (data, model, activations)
        let shape = data.train.sampleShape
        let gradient = valueAndGrad(model: model as Module) { _, arrays in
            [crossEntropy(logits: model(arrays[0]), targets: arrays[1], reduction: .sum)]
        }
        loop = GradientLoop(model) { batch in
            let (losses, gradients) = gradient(model, Classification.arrays(of: batch, shape))
            return (losses[0], gradients)
        }
    }

    package var model: Module { layers }

    package var sampleCount: Int { data.train.count }

    package var dataSummary: String {
        let test = data.heldOut ? "\(data.test.count) test samples" : "no test samples held out"
        return "\(data.train.count) training samples, \(test), "
            + "\(data.train.classNames.count) classes"
    }

    package func start(_ sampler: Sampler, from step: Int) {
        let dataset = data.train
        loop.start(sampler, from: step) { try dataset.gather($0) }
    }

    package func nextStep(seed: UInt64, halves: Bool) throws -> StepGradients {
        try loop.next(seed: seed, halves: halves)
    }

    package func skipStep() throws { try loop.skip() }

    package func stop() { loop.stop() }

    package var dataBytes: Double {
        // Samples that are not held out are counted once.
        let samples = data.train.count + (data.heldOut ? data.test.count : 0)
        return data.train.isInMemory ? Double(samples) * Double(data.train.featureCount) * 4 : 0
    }

    /// The mean loss and the accuracy over the test samples.
    ///
    /// The batches are the same for every world size, and so is the accuracy to the bit.
    package func evaluate(
        batchSize: Int, group: Group, votes: () -> StepVotes
    ) throws -> Judgement {
        let dataset = data.test
        return try judge(
            dataset.count, batchSize: batchSize, group: group, votes: votes,
            sums: { self.judge(try dataset.gather($0)) },
            evaluation: { sums, seconds in
                Evaluation(
                    loss: sums[0] / Double(dataset.count),
                    accuracy: sums[1] / Double(dataset.count),
                    samples: dataset.count, seconds: seconds)
            })
    }

    /// The weights are all there is.
    package func export(_ weights: [String: MLXArray], to output: OutputFolder) throws {
        try FolderCommit.write(output.model) { folder in
            try Weights.write(weights, to: "\(folder)/model.safetensors")
        }
    }

    /// The sum of a batch's losses and the number of samples whose class was found.
    private func judge(_ batch: MicroBatch) -> [Double] {
        guard batch.count > 0 else { return [0, 0] }
        let arrays = Classification.arrays(of: batch, data.test.sampleShape)
        let logits = layers(arrays[0])
        let loss = crossEntropy(logits: logits, targets: arrays[1], reduction: .sum)
        let hits = (argMax(logits, axis: -1).asType(.int32) .== arrays[1]).asType(.int32).sum()
        eval(loss, hits)
        return [Double(loss.item(Float.self)), Double(hits.item(Int32.self))]
    }

    /// Features [N, ...] and labels [N].
    private static func arrays(of batch: MicroBatch, _ sampleShape: [Int]) -> [MLXArray] {
        [
            MLXArray(batch.features, [batch.count] + sampleShape),
            MLXArray(batch.labels, [batch.count]),
        ]
    }
}
