import MLX
import MLXDistributed

/// A training job on one rank: from the configuration to the final weights.
public struct Job {
    private let config: TrainConfig
    private let output: OutputFolder
    private let resume: ResumeChoice
    private let allowsConfigChange: Bool
    private let group: Group
    private let show: (String) -> Void

    /// A job that writes to the folder `output`; `show` takes what the user sees.
    public init(
        config: TrainConfig, output: String, resume: ResumeChoice = .auto,
        allowsConfigChange: Bool = false, group: Group,
        show: @escaping (String) -> Void
    ) {
        self.config = config
        self.output = OutputFolder(output)
        self.resume = resume
        self.allowsConfigChange = allowsConfigChange
        self.group = group
        self.show = show
    }

    /// Trains, or goes on, or says that nothing is left to do; a collective.
    ///
    /// `stop` gives the signal that asks for a stop; it is asked in every phase, and before each
    /// step once.
    public func train(stop: @escaping (StopPhase) -> Int32?) throws {
        let stop = StopRequest(maxSeconds: config.training.maxSeconds, signal: stop)
        let task = try group.agree { try load(stop) }
        let plan = TrainingPlan(config.training, sampleCount: task.sampleCount)
        let trainer = try group.agree {
            try Trainer(config: config, task: task, group: group, checkpoints: output.checkpoints)
        }
        // A checkpoint that was asked for is read before this run writes anything; the newest of
        // its own folder only under the lock.
        var choice: CheckpointChoice?
        if resume != .auto { choice = try takeOver(in: trainer) }
        var lock: RunLock?
        try group.onFirstRank { lock = try output.open() }
        defer { withExtendedLifetime(lock) {} }
        if resume == .auto { choice = try takeOver(in: trainer) }
        if try sayIfFinished(plan) { return }
        try group.onFirstRank {
            try Files.replace(output.config, with: config.resolvedJSON().utf8)
            let manifest = RunManifest(config: config, group: group)
            try Files.replace(output.manifest, with: manifest.text().utf8)
        }
        try group.onFirstRank { try checkRoom(trainer) }
        let report = try group.agree { try openOutput(plan) }
        try group.onFirstRank {
            for line in banner(task, plan) { try report.note(line) }
        }
        if let choice {
            try report.restarted(
                from: choice.contents.name, step: choice.contents.state.step,
                refused: choice.refused)
        }
        defer { report.interrupted() }
        group.recordFailures(at: "\(self.output.logs)/rank-\(group.rank).collectives")
        let evaluation = try trainer.run(report, stop: stop)
        try finish(evaluation, task, trainer, report)
    }

    /// Loads the data unless it is asked to stop before they are read.
    private func load(_ stop: StopRequest) throws -> any TrainingTask {
        do {
            return try config.makeTask(worldSize: group.size, processes: group.localSize) {
                stop(.loading) != nil
            }
        } catch DataError.interrupted {
            let reason = stop(.loading)
            throw RunError(StepVotes(reason), own: reason, saved: nil)
        }
    }

    /// Looks for room for a checkpoint before the run spends time on one.
    private func checkRoom(_ trainer: Trainer) throws {
        do throws(RunError) {
            try DiskSpace.require(
                trainer.checkpointBytes, at: output.checkpoints.folder)
        } catch {
            guard config.checkpoint.onError == .warn else { throw error }
            Console.complain("mlx-train: warning: \(Verdict(error).line ?? "")")
        }
    }

    private func openOutput(_ plan: TrainingPlan) throws(FileFailure) -> RunOutput {
        let lines = MetricsLines(plan: plan, worldSize: group.size, path: group.path)
        return try RunOutput(
            folder: output, rank: group.rank, lines: lines, everySteps: config.metrics.everySteps,
            display: ProgressDisplay(total: plan.totalSteps, show: show))
    }

    private func sayIfFinished(_ plan: TrainingPlan) throws -> Bool {
        guard resume == .auto else { return false }
        var step: Int?
        try group.onFirstRank {
            step = try output.finishedStep(
                totalSteps: plan.totalSteps, patience: config.evaluation.patience)
        }
        guard try group.any(step != nil) else { return false }
        if let step {
            let keys =
                step < plan.totalSteps
                ? "evaluation.patience" : "training.steps or training.epochs"
            show(
                "the run in \(output.path) has finished at step \(step); raise \(keys) to go on, "
                    + "or begin anew with --resume never\n")
        }
        return true
    }

    /// Finds the checkpoint to go on from and takes it over, if there is one; a collective.
    private func takeOver(in trainer: Trainer) throws -> CheckpointChoice? {
        let found = try CheckpointChoice.find(resume, in: output.checkpoints, group: group)
        if let found { try group.agree { try restore(found.contents, in: trainer) } }
        return found
    }

    /// Takes over a checkpoint if its model and its job are this one's.
    private func restore(_ contents: CheckpointContents, in trainer: Trainer) throws {
        let differences = config.differences(from: contents.state.config)
        let otherOptimizer = differences.contains { $0.path == "optimizer.type" }
        let refused = differences.filter { $0.kind != .allowed }
        try trainer.checkModel(contents)
        guard refused.isEmpty || allowsConfigChange else {
            throw RunError.configurationChanged(checkpoint: contents.name, refused)
        }
        if let old = contents.state.baseModel, let new = trainer.baseModel, old != new,
            !allowsConfigChange, case .pretrained(let base) = config.model
        {
            throw RunError.baseModelChanged(checkpoint: contents.name, path: base.path)
        }
        try trainer.restore(contents, withOptimizer: !otherOptimizer)
    }

    private func banner(_ task: any TrainingTask, _ plan: TrainingPlan) -> [String] {
        let ranks = group.size == 1 ? "1 process" : "\(group.size) processes"
        let path = group.path == group.transportName ? "" : ", shared memory"
        let head =
            "\(config.name): \(ranks) (\(group.transportName)\(path)), \(Workers.count) threads each, "
            + "OpenBLAS \(BLAS.coreName)"
        return [head]
            + JobSummary.lines(config, task, plan)
            + ["output: \(output.path)"]
    }

    /// Writes the final weights and the end of the metrics, in this order: a run has finished when
    /// its end is recorded.
    private func finish(
        _ evaluation: Evaluation, _ task: any TrainingTask, _ trainer: Trainer,
        _ report: RunOutput
    ) throws {
        try group.onFirstRank {
            guard let (weights, weightsStep) = try trainer.finalWeights() else { return }
            try task.export(weights, to: output)
            try report.ended(
                evaluation, step: trainer.step, weightsStep: weightsStep,
                record: trainer.evaluations, early: trainer.hasStoppedEarly)
            let early = trainer.hasStoppedEarly ? " early, at step \(trainer.step)" : ""
            let best =
                weightsStep == trainer.step ? "" : ", the weights are those of step \(weightsStep)"
            show(
                "done\(early): test \(evaluation.headline)\(best); "
                    + "the run is in \(output.path)\n")
        }
    }
}
