/// How weights are updated (`optimizer`).
///
/// Numbers that the chosen type does not use keep their default.
public struct OptimizerConfig: Equatable, Sendable {
    /// The rule of the update.
    public var type: OptimizerType
    /// The learning rate after the warm-up, above 0.
    public var learningRate: Double
    /// SGD's momentum, in [0, 1).
    public var momentum: Double
    /// Whether SGD's momentum looks ahead.
    public var nesterov: Bool
    /// The decay of Adam's mean of gradients, in [0, 1).
    public var beta1: Double
    /// The decay of Adam's mean of squared gradients, in [0, 1).
    public var beta2: Double
    /// Added to Adam's denominator, above 0.
    public var epsilon: Double
    /// Whether Adam corrects its first steps for means that start at 0.
    public var biasCorrection: Bool
    /// The weight decay of SGD and AdamW, 0 or above.
    public var weightDecay: Double
    /// What the weight decay is for.
    public var decayed: DecayedParameters
    /// The norm that gradients are scaled down to; `nil`: no limit.
    public var clipNorm: Double?
    /// How the learning rate changes over the run.
    public var schedule: ScheduleConfig
}

/// The words of `optimizer.type`.
public enum OptimizerType: String, CaseIterable, Sendable {
    case sgd
    case adam
    case adamw
}

/// What a weight decay is for (`optimizer.decay`).
public enum DecayedParameters: String, CaseIterable, Sendable {
    case all
    /// Matrices and kernels, but not biases, the weights of normalizations, and embeddings.
    case matrices
}

/// How the learning rate changes over the steps of a run (`optimizer.schedule`).
public struct ScheduleConfig: Equatable, Sendable {
    /// The shape of the fall from the end of the warm-up to the last step.
    public var type: ScheduleType
    /// Steps in which the learning rate rises linearly from 0 before the schedule begins.
    public var warmupSteps: Int
    /// The learning rate at the last step; a constant schedule has none.
    public var end: Double
    /// The steps of the fall at the end of a `wsd` schedule; `nil`: a fifth of the run.
    public var decaySteps: Int?
}

/// The words of `optimizer.schedule.type`.
public enum ScheduleType: String, CaseIterable, Sendable {
    case constant
    case cosine
    case linear
    /// Warm-up, stable, decay: full until the last steps, in which it falls along a line (Hu et al.,
    /// arXiv:2404.06395).
    case wsd
}
