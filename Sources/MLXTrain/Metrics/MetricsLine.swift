import Glibc

/// What a line of metrics reports.
package enum MetricsEvent: String, Sendable, CaseIterable {
    case train, eval, checkpoint, restart, end
    /// A step that is not as it should be.
    case guarded = "guard"
    /// Something that went wrong and that the job bears.
    case warning
    /// A text that the model has written.
    case sample
}

/// The numbers of one training step.
package struct StepReport: Equatable, Sendable {
    /// The step, counted from 1.
    package var step: Int
    /// The mean loss of the step's samples over all ranks, before its update.
    package var loss: Double
    package var learningRate: Double
    /// The norm of the mean gradient before it is clipped.
    package var gradientNorm: Double
    /// The samples of the step over all ranks.
    package var samples: Int
    /// The tokens of the step over all ranks, where samples are made of tokens.
    package var tokens: Int?
    /// The seconds from the end of the step before.
    package var seconds: Double
    /// The seconds of it in which this rank waited for others.
    package var communicationSeconds: Double
    /// A digest of which samples stood at which places of the step's batch, over all ranks.
    package var batchDigest: String
}

/// The result of an evaluation.
package struct Evaluation: Equatable, Sendable {
    /// The mean loss of the samples.
    package var loss: Double
    /// The fraction of the samples whose class was found, where they have one.
    package var accuracy: Double?
    /// The exponential of the mean loss of a token, where samples are made of tokens.
    package var perplexity: Double?
    /// The number of samples.
    package var samples: Int
    package var seconds: Double

    package init(
        loss: Double, accuracy: Double? = nil, perplexity: Double? = nil, samples: Int,
        seconds: Double
    ) {
        self.loss = loss
        self.accuracy = accuracy
        self.perplexity = perplexity
        self.samples = samples
        self.seconds = seconds
    }
}

extension Evaluation {
    /// How well the model does, as in "accuracy 0.98".
    var headline: String {
        if let accuracy { return "accuracy \(ProgressDisplay.rounded(accuracy))" }
        if let perplexity { return "perplexity \(ProgressDisplay.rounded(perplexity))" }
        return "loss \(ProgressDisplay.rounded(loss))"
    }
}

/// How fast steps are taken.
package struct Pace: Equatable, Sendable {
    package var samplesPerSecond: Double
    /// Where samples are made of tokens.
    package var tokensPerSecond: Double?

    /// The pace of some samples in a time.
    package init(samples: Int, tokens: Int?, seconds: Double) {
        let time = max(seconds, 1e-9)
        samplesPerSecond = Double(samples) / time
        tokensPerSecond = tokens.map { Double($0) / time }
    }

    /// As in "812 samples/s".
    var words: String {
        if let tokensPerSecond { return "\(Int(tokensPerSecond)) tokens/s" }
        return "\(Int(samplesPerSecond)) samples/s"
    }
}

/// The lines of `metrics.jsonl`.
package struct MetricsLines: Sendable {
    package let plan: TrainingPlan
    package let worldSize: Int
    /// How the ranks are connected: `single`, `mpi`.
    package let path: String

    package init(plan: TrainingPlan, worldSize: Int, path: String) {
        self.plan = plan
        self.worldSize = worldSize
        self.path = path
    }

    /// The line of a step; `pace` is the mean since the line before.
    package func train(_ report: StepReport, pace: Pace) -> JSONNode {
        let tokens = pace.tokensPerSecond.map { [("tokens_per_second", JSONNode.number($0))] } ?? []
        return line(
            .train, report.step,
            [
                ("loss", .number(report.loss)),
                ("learning_rate", .number(report.learningRate)),
                ("gradient_norm", .number(report.gradientNorm)),
                ("samples_per_second", .number(pace.samplesPerSecond)),
            ] + tokens + [
                ("step_seconds", .number(report.seconds)),
                ("communication_seconds", .number(report.communicationSeconds)),
                ("peak_memory_bytes", .integer(MetricsLines.peakMemory)),
                ("batch_digest", .string(report.batchDigest)), ("path", .string(path)),
            ])
    }

    /// The line of an evaluation.
    package func eval(_ evaluation: Evaluation, step: Int) -> JSONNode {
        line(.eval, step, members(of: evaluation) + [("seconds", .number(evaluation.seconds))])
    }

    /// The line of a checkpoint that was written, for which training stood still for
    /// `stallSeconds`.
    package func checkpoint(
        step: Int, bytes: Int, seconds: Double, stallSeconds: Double
    ) -> JSONNode {
        line(
            .checkpoint, step,
            [
                ("checkpoint", .string(CheckpointStore.name(of: step))),
                ("bytes", .integer(bytes)), ("seconds", .number(seconds)),
                ("stall_seconds", .number(stallSeconds)),
            ])
    }

    /// The line of a step that is not as it should be.
    func guarded(_ report: StepReport, _ defect: StepDefect, action: String) -> JSONNode {
        let what: [(String, JSONNode)] =
            switch defect.finding {
            case .notFinite(let quantity):
                [
                    ("finding", .string("not_finite")), ("quantity", .string(quantity)),
                    ("tensor", defect.tensor.map(JSONNode.string) ?? .null),
                    ("ranks", .array(defect.ranks.map { .integer($0) })),
                ]
            case .spike(let zScore):
                [("finding", .string("spike")), ("z_score", .number(zScore))]
            }
        let numbers: [(String, JSONNode)] = [
            ("loss", .number(report.loss)), ("gradient_norm", .number(report.gradientNorm)),
            ("action", .string(action)),
        ]
        return line(.guarded, report.step, what + numbers)
    }

    /// The line of a text that the model has written.
    func sample(_ sample: SampleText, step: Int) -> JSONNode {
        line(
            .sample, step, [("prompt", .string(sample.prompt)), ("text", .string(sample.text))])
    }

    /// The line of something that went wrong and that the job bears.
    package func warning(_ text: String, step: Int) -> JSONNode {
        line(.warning, step, [("message", .string(text))])
    }

    /// The line of a run that goes on from a checkpoint, perhaps because it went back for a step
    /// that it avoids from then on.
    package func restart(
        step: Int, checkpoint: String, refused: [RefusedCheckpoint], avoided: Int? = nil
    ) -> JSONNode {
        let list = refused.map { refused in
            JSONNode.object([
                ("checkpoint", .string(refused.checkpoint)), ("file", .string(refused.file)),
                ("reason", .string(refused.reason)),
            ])
        }
        let reason = avoided.map { [("avoided_step", JSONNode.integer($0))] } ?? []
        return line(
            .restart, step,
            [("checkpoint", .string(checkpoint)), ("refused", .array(list))] + reason)
    }

    /// The line of the end of a run.
    package func end(
        _ evaluation: Evaluation, step: Int, seconds: Double, weightsStep: Int,
        record: EvaluationRecord, early: Bool
    ) -> JSONNode {
        let best = record.best
        return line(
            .end, step,
            members(of: evaluation) + [
                ("seconds", .number(seconds)), ("weights_step", .integer(weightsStep)),
                ("best_step", best.map { .integer($0.step) } ?? .null),
                ("best_\(record.metric.rawValue)", best.map { .number($0.value) } ?? .null),
                ("stopped_early", .bool(early)),
                ("without_improvement", .integer(record.withoutImprovement)),
            ])
    }

    private func members(of evaluation: Evaluation) -> [(String, JSONNode)] {
        [("loss", .number(evaluation.loss))]
            + (evaluation.accuracy.map { [("accuracy", .number($0))] } ?? [])
            + (evaluation.perplexity.map { [("perplexity", .number($0))] } ?? [])
            + [("samples", .integer(evaluation.samples))]
    }

    private func line(
        _ event: MetricsEvent, _ step: Int, _ members: [(String, JSONNode)]
    ) -> JSONNode {
        let head: [(String, JSONNode)] = [
            ("event", .string(event.rawValue)), ("step", .integer(step)),
            ("epoch", .number(plan.epochs(after: step))),
        ]
        let tail: [(String, JSONNode)] = [
            ("world_size", .integer(worldSize)), ("time", .string(Timestamp.now)),
        ]
        return .object(head + members + tail)
    }

    /// The most memory this process has had, in bytes.
    private static var peakMemory: Int {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return usage.ru_maxrss * 1024
    }
}
