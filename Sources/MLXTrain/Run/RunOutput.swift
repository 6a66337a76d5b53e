import MLXLaunch

/// What a run tells: metrics and the display on rank 0, and a log on every rank.
package final class RunOutput {
    private let lines: MetricsLines
    private let log: RankLog
    private let everySteps: Int
    /// Nil on all ranks but 0.
    private let metrics: MetricsFile?
    private let display: ProgressDisplay?
    private let board = RankStepBoard()
    private var samplesSinceLine = 0
    private var tokensSinceLine: Int?
    private var secondsSinceLine = 0.0
    private let started = ContinuousClock.now

    /// The output of one rank; only rank 0 has a display.
    package init(
        folder: OutputFolder, rank: Int, lines: MetricsLines, everySteps: Int,
        display: ProgressDisplay?
    ) throws(FileFailure) {
        log = try RankLog(folder: folder.logs, rank: rank)
        metrics = rank == 0 ? try MetricsFile(path: folder.metrics) : nil
        self.display = rank == 0 ? display : nil
        self.lines = lines
        self.everySteps = everySteps
        board?.show(0)
    }

    /// A line for the user and the logs.
    package func note(_ text: String) throws(FileFailure) {
        display?.note(text)
        try log.write(text)
    }

    /// The run goes on from a checkpoint.
    package func restarted(
        from checkpoint: String, step: Int, refused: [RefusedCheckpoint]
    ) throws(FileFailure) {
        for refused in refused {
            try note("refused \(refused.checkpoint): \(refused.file) \(refused.reason)")
        }
        try note("going on from \(checkpoint)")
        board?.show(step)
        try metrics?.append(lines.restart(step: step, checkpoint: checkpoint, refused: refused))
    }

    /// A step was taken.
    package func stepped(_ report: StepReport) throws(FileFailure) {
        board?.show(report.step)
        samplesSinceLine += report.samples
        tokensSinceLine = report.tokens.map { $0 + (tokensSinceLine ?? 0) }
        secondsSinceLine += report.seconds
        let pace = Pace(
            samples: samplesSinceLine, tokens: tokensSinceLine, seconds: secondsSinceLine)
        display?.advance(step: report.step, loss: report.loss, pace: pace)
        guard report.step.isMultiple(of: everySteps) else { return }
        display?.report(
            step: report.step, loss: report.loss, learningRate: report.learningRate,
            pace: pace)
        try metrics?.append(lines.train(report, pace: pace))
        (samplesSinceLine, tokensSinceLine, secondsSinceLine) = (0, nil, 0)
    }

    /// An evaluation was made.
    package func evaluated(_ evaluation: Evaluation, step: Int) throws(FileFailure) {
        try metrics?.append(lines.eval(evaluation, step: step))
        try note("step \(step): \(RunOutput.words(evaluation))")
    }

    /// The model has written a text.
    func sampled(_ sample: SampleText, step: Int) throws(FileFailure) {
        try metrics?.append(lines.sample(sample, step: step))
        let (prompt, text) = (JSONNode.quoted(sample.prompt), JSONNode.quoted(sample.text))
        try note("step \(step): \(prompt) gives \(text)")
    }

    /// A step is not as it should be; `action` is what becomes of it.
    func guarded(_ report: StepReport, _ defect: StepDefect, action: String) throws(FileFailure) {
        try metrics?.append(lines.guarded(report, defect, action: action))
        try note("\(defect.words(step: report.step)): \(action)")
    }

    /// The run went back from a step to a checkpoint.
    package func wentBack(
        from bad: Int, to step: Int, checkpoint: String, refused: [RefusedCheckpoint]
    ) throws(FileFailure) {
        try note("going back from step \(bad) to \(checkpoint); step \(bad) will be left out")
        try metrics?.append(
            lines.restart(step: step, checkpoint: checkpoint, refused: refused, avoided: bad))
    }

    /// Something went wrong that the job bears.
    package func warned(_ text: String, step: Int) throws(FileFailure) {
        display?.finish()
        if display != nil { Console.complain("mlx-train: warning: \(text)") }
        try metrics?.append(lines.warning(text, step: step))
        try log.write("warning: \(text)")
    }

    /// A checkpoint was written.
    package func saved(
        step: Int, bytes: Int, seconds: Double, stallSeconds: Double
    ) throws(FileFailure) {
        try metrics?.append(
            lines.checkpoint(
                step: step, bytes: bytes, seconds: seconds, stallSeconds: stallSeconds))
        try metrics?.synchronize()
        try log.write("saved \(CheckpointStore.name(of: step)), \(bytes) bytes")
    }

    /// The run has ended; `weightsStep` is the step of the weights that it leaves.
    package func ended(
        _ evaluation: Evaluation, step: Int, weightsStep: Int, record: EvaluationRecord,
        early: Bool
    ) throws(FileFailure) {
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        try metrics?.append(
            lines.end(
                evaluation, step: step, seconds: seconds, weightsStep: weightsStep,
                record: record, early: early))
        try metrics?.synchronize()
        display?.finish()
        try log.write("ended at step \(step): \(RunOutput.words(evaluation))")
    }

    /// Leaves the display's line, so that an error starts on one of its own.
    package func interrupted() { display?.finish() }

    private static func words(_ evaluation: Evaluation) -> String {
        "test \(evaluation.headline), "
            + "test loss \(ProgressDisplay.rounded(evaluation.loss)), "
            + "\(evaluation.samples) samples"
    }
}
