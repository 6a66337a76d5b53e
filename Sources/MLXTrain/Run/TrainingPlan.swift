/// How many steps a run takes, and how far each is: arithmetic of the job and its data.
public struct TrainingPlan: Equatable, Sendable {
    /// The number of training samples.
    public let sampleCount: Int
    /// The samples of a step; the last step of an epoch may have fewer.
    public let globalBatchSize: Int
    /// The steps of the whole run.
    public let totalSteps: Int

    /// The plan of a job; with both `steps` and `epochs` the first reached ends the run.
    public init(_ training: TrainingConfig, sampleCount: Int) {
        self.sampleCount = sampleCount
        globalBatchSize = training.globalBatchSize
        let stepsPerEpoch = (sampleCount + globalBatchSize - 1) / globalBatchSize
        let bounds = [training.steps, training.epochs.map { $0 * stepsPerEpoch }]
        totalSteps = bounds.compactMap { $0 }.min() ?? stepsPerEpoch
    }

    /// The steps in which every sample is used once.
    public var stepsPerEpoch: Int { (sampleCount + globalBatchSize - 1) / globalBatchSize }

    /// The samples used in the first `steps` steps.
    public func samples(after steps: Int) -> Int {
        let (epochs, rest) = steps.quotientAndRemainder(dividingBy: stepsPerEpoch)
        return epochs * sampleCount + min(rest * globalBatchSize, sampleCount)
    }

    /// The passes over the samples that the first `steps` steps made, with their fraction.
    public func epochs(after steps: Int) -> Double {
        Double(samples(after: steps)) / Double(sampleCount)
    }
}
