/// What a checkpoint knows besides its arrays: where the run stands, and the job it belongs to.
///
/// The number of steps taken is the whole state of the sampler and of all random numbers: the
/// order of the samples and the keys of dropout are functions of the seed and the step. The other
/// numbers are there for the reader.
package struct TrainState: Equatable, Sendable {
    /// The version of the format that this code writes and reads.
    package static let format = 1

    package let step: Int
    /// The number of ranks that wrote it; another number may read it.
    package let worldSize: Int
    package let config: TrainConfig
    /// What the evaluations have shown.
    package let evaluations: EvaluationRecord
    /// Whether the evaluation that is due at this step has not been made.
    package let owesEvaluation: Bool
    /// What the guard remembers of the steps before.
    package let stepGuard: StepGuard
    /// The digest of the model that the job began with; nil where it began with random weights.
    package let baseModel: String?

    package init(
        step: Int, worldSize: Int, config: TrainConfig, evaluations: EvaluationRecord,
        owesEvaluation: Bool = false, stepGuard: StepGuard? = nil, baseModel: String? = nil
    ) {
        self.step = step
        self.worldSize = worldSize
        self.config = config
        self.evaluations = evaluations
        self.owesEvaluation = owesEvaluation
        self.stepGuard = stepGuard ?? StepGuard(config.training)
        self.baseModel = baseModel
    }

    /// The state as JSON text.
    package func text(plan: TrainingPlan) -> String {
        let resolved = config.resolvedTree
        let position = plan.samples(after: step) % plan.sampleCount
        return JSONNode.object([
            ("format", .integer(TrainState.format)),
            ("step", .integer(step)),
            ("epoch", .number(plan.epochs(after: step))),
            (
                "cursor",
                .object([
                    ("epoch", .integer(step / plan.stepsPerEpoch)),
                    ("sample", .integer(position)),
                    ("samples_per_epoch", .integer(plan.sampleCount)),
                ])
            ),
            ("seed", .integer(config.seed)),
            ("world_size", .integer(worldSize)),
            ("evaluation", evaluations.tree),
            ("owes_evaluation", .bool(owesEvaluation)), ("guard", stepGuard.tree),
            ("base_model_sha256", baseModel.map(JSONNode.string) ?? .null),
            ("config_sha256", .string(Digest.hexadecimal(of: Array(resolved.compact.utf8)))),
            ("config", resolved),
        ]).prettyPrinted() + "\n"
    }

    /// Reads a state; the error says why it is refused.
    package init(text: [UInt8]) throws(RefusalReason) {
        guard let tree = try? JSONParser.parse(text, source: "state.json"),
            let format = tree["format"]?.integerValue
        else { throw RefusalReason("is no state of a run") }
        guard format == TrainState.format else {
            throw RefusalReason(
                "has format \(format); this version reads format \(TrainState.format)")
        }
        guard let step = tree["step"]?.integerValue, step >= 0,
            let worldSize = tree["world_size"]?.integerValue,
            let config = tree["config"]
        else { throw RefusalReason("lacks step, world_size or config") }
        do {
            let job = try TrainConfig(json: config.compact, baseDirectory: "/")
            var stepGuard = StepGuard(job.training)
            if let memory = tree["guard"] { stepGuard.take(memory) }
            var owes = false
            if case .bool(let value)? = tree["owes_evaluation"]?.value { owes = value }
            self.init(
                step: step, worldSize: worldSize, config: job,
                evaluations: tree["evaluation"].flatMap(EvaluationRecord.init)
                    ?? EvaluationRecord(metric: job.evaluation.metric),
                owesEvaluation: owes, stepGuard: stepGuard,
                baseModel: tree["base_model_sha256"]?.stringValue)
        } catch {
            throw RefusalReason("holds a config that this version cannot read: \(error)")
        }
    }
}
