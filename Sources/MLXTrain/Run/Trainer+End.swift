import MLX
import MLXDistributed

// How a run is judged and how it ends: evaluations, early stops, requests to stop.
extension Trainer {
    /// Whether the evaluations have brought no improvement for as long as the job has patience.
    var hasStoppedEarly: Bool {
        guard let patience = config.evaluation.patience else { return false }
        return evaluations.withoutImprovement >= patience
    }

    /// Makes the evaluation that is due at this step, if one is; whether a checkpoint must keep
    /// what it found to be the best. A collective.
    ///
    /// A request to stop breaks it off; the next run makes it again.
    func evaluateIfOwed(
        _ output: RunOutput, _ stop: StopRequest, _ saver: CheckpointSaver
    ) throws -> Bool {
        guard owesEvaluation else { return false }
        let evaluation = try evaluate(stop, saver)
        owesEvaluation = false
        try output.evaluated(evaluation, step: step)
        try showSamples(output)
        let isBest = evaluations.note(
            evaluation, step: step, minDelta: config.evaluation.minDelta)
        return isBest && config.checkpoint.keepBest > 0
    }

    /// Judges the end of the run and saves it with its judgement, so that it can be kept as the
    /// best; a collective.
    func end(
        _ output: RunOutput, _ stop: StopRequest, _ saver: CheckpointSaver
    ) throws -> Evaluation {
        let isNew = evaluations.last?.step != step
        let evaluation = try evaluate(stop, saver)
        evaluations.note(evaluation, step: step, minDelta: config.evaluation.minDelta)
        owesEvaluation = false
        if isNew {
            try output.evaluated(evaluation, step: step)
            try showSamples(output)
            try save(by: saver)
        } else if saver.lastStep != step {
            try save(by: saver)
        }
        try saver.settle(mustSucceed: true)
        return evaluation
    }

    /// What the model writes now, for the reader.
    private func showSamples(_ output: RunOutput) throws {
        for sample in try withError({ try task.sampleTexts(group: group) }) {
            try output.sampled(sample, step: step)
        }
    }

    private func evaluate(_ stop: StopRequest, _ saver: CheckpointSaver) throws -> Evaluation {
        let outcome = try withError {
            try task.evaluate(batchSize: config.evaluation.batchSize, group: group) {
                StepVotes(stop(.evaluation))
            }
        }
        switch outcome {
        case .done(let evaluation): return evaluation
        case .brokenOff(let votes):
            owesEvaluation = true
            try save(by: saver)
            return try leave(votes, stop, saver)
        }
    }

    /// Ends the run before its first step on all ranks where one was asked to stop.
    func leaveIfAsked(_ reason: StopReason?, _ saver: CheckpointSaver) throws {
        let votes = try StepVotes(sums: group.allReduce(StepVotes(reason).numbers))
        guard votes.stops else { return }
        try group.agree { throw RunError(votes, own: reason, saved: saver.lastStep) }
    }

    /// Ends the run on all ranks once the present step is saved.
    func leave<Value>(
        _ votes: StepVotes, _ stop: StopRequest, _ saver: CheckpointSaver
    ) throws -> Value {
        try saver.settle(mustSucceed: true)
        let reason = votes.stopsForTime ? stop.timeIsUp : stop(.step)
        return try group.agree { throw RunError(votes, own: reason, saved: saver.lastStep) }
    }
}
