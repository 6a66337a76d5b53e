import ArgumentParser
import MLXTrain

/// The command line of `mlx-train checkpoints`.
struct CheckpointsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-train checkpoints",
        abstract: "Lists, verifies, exports and prunes the checkpoints of a run.",
        discussion: """
            RUN is the folder of a run, its folder checkpoints, or a single checkpoint.
            Exit status: 0 done, 64 bad usage, 65 a checkpoint fails its checks, 66 there is none, \
            73 cannot write or a job is running, 74 I/O error.
            """,
        subcommands: [List.self, Verify.self, Export.self, Prune.self])

    /// Where the checkpoints are, and the form of the answer.
    struct Place: ParsableArguments {
        @Argument(help: "A run's folder, its folder checkpoints, or one checkpoint.")
        var run: String

        @Flag(help: "Answer with one JSON object.")
        var json = false
    }

    /// `list`: what there is, without reading the tensors.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the checkpoints, the newest first; tensors are not read.")
        @OptionGroup var place: Place

        func run() throws {
            let entries = try CheckpointArchive(place.run).entries(verified: false)
            let report = CheckpointReport(entries: entries, verified: false)
            try Console.deliver(place.json ? report.json : report.table)
        }
    }

    /// `verify`: every byte against its digest.
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare every byte with its digest; 65 if one checkpoint is damaged.")
        @OptionGroup var place: Place

        func run() throws {
            let entries = try CheckpointArchive(place.run).entries(verified: true)
            guard !entries.isEmpty else { throw RunError.checkpointMissing(path: place.run) }
            let report = CheckpointReport(entries: entries, verified: true)
            try Console.deliver(place.json ? report.json : report.table)
            let refused = entries.compactMap(\.refusal)
            if !refused.isEmpty { throw RunError.checkpointsDamaged(refused, of: entries.count) }
        }
    }

    /// `export`: weights and job for other programs.
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the weights and the job of the newest good checkpoint to a new folder.")
        @OptionGroup var place: Place

        @Option(help: ArgumentHelp("The folder to create.", valueName: "folder"))
        var output: String

        @Option(help: ArgumentHelp("The checkpoint of this step.", valueName: "step"))
        var step: Int?

        func run() throws {
            let entry = try CheckpointArchive(place.run).export(step: step, to: output)
            try Console.deliver(
                place.json
                    ? CheckpointReport.json(exported: entry, to: output)
                    : "\(entry.name): model.safetensors and config.json are in \(output)\n")
        }
    }

    /// `prune`: what the rules of the job, or others, do not keep.
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Remove the checkpoints that the rules of the job, or those given, do not keep.")
        @OptionGroup var place: Place

        @Option(help: "How many of the newest stay.")
        var keepLast: Int?

        @Option(help: "Those of steps that are multiples of it stay.")
        var keepMultiple: Int?

        @Option(help: "How many of those with the best evaluations stay.")
        var keepBest: Int?

        @Flag(help: "Remove those that fail their checks too.")
        var damaged = false

        @Flag(help: "Say what would be removed, and remove nothing.")
        var dryRun = false

        func validate() throws {
            for (flag, value, least) in [
                ("--keep-last", keepLast, 1), ("--keep-multiple", keepMultiple, 1),
                ("--keep-best", keepBest, 0),
            ] {
                if let value, value < least {
                    throw ValidationError("\(flag) must be \(least) or greater, got \(value)")
                }
            }
        }

        func run() throws {
            let archive = try CheckpointArchive(place.run)
            let given = keepLast != nil || keepMultiple != nil || keepBest != nil
            let job = archive.entries(verified: false).compactMap { $0.state?.config }.first
            var rules = job.map(Retention.init) ?? Retention(last: 3)
            if given {
                rules = Retention(
                    last: keepLast ?? 1, multiple: keepMultiple, best: keepBest ?? 0,
                    metric: rules.metric)
            }
            let pruning = try archive.prune(rules, damaged: damaged, dryRun: dryRun)
            try Console.deliver(
                place.json
                    ? CheckpointReport.json(pruning, dryRun: dryRun)
                    : CheckpointReport.lines(pruning, dryRun: dryRun))
        }
    }
}
