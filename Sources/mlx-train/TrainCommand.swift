import ArgumentParser
import MLXTrain

/// The command line of `mlx-train`.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-train",
        abstract: "Trains the model of a JSON job on one process, or on many under mpirun.",
        usage: """
            mlx-train --config <path> [<options>]
            mlx-train bench-collectives | checkpoints | doctor [<options>]
            """,
        discussion: """
            Run the same command again to go on from the newest checkpoint of the output folder.
            mlx-train doctor says what is wrong with a node or with hosts.
            mlx-train bench-collectives times how fast the processes of a job exchange arrays.
            mlx-train checkpoints list|verify|export|prune RUN looks after the checkpoints of a run.
            Exit status: 0 done, 64 bad usage or config, 65 bad data or checkpoint, 66 a file is \
            missing, 69 a peer is unavailable, 70 a fault, 73 cannot write, 74 I/O error, \
            75 stopped by a signal after saving.
            """,
        version: "0.1.0")

    // Optional for the parser, which would tell that it is missing before it tells of a mistyped flag.
    @Option(help: ArgumentHelp("The job: a JSON file.", valueName: "path"))
    var config: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp(
            "Replace a value of the job, read as JSON, else as a string; may be repeated.",
            valueName: "key.path=value"))
    var overrides: [String] = []

    @Option(
        help: ArgumentHelp(
            "The folder of the run; by default runs/ and the job's name.", valueName: "folder"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "auto: the newest good checkpoint of the output folder; never: begin anew; or the "
                + "folder of a checkpoint or run.", valueName: "auto|never|folder"))
    var resume: ResumeChoice = .auto

    @Option(
        help: """
            How the processes are connected; auto: by MPI where an MPI launcher runs, by ZeroMQ \
            where RANK and WORLD_SIZE are set.
            """)
    var transport: TransportChoice?

    @Flag(help: "Go on from a checkpoint also where the job differs from the checkpoint's.")
    var allowConfigChange = false

    @Flag(
        name: .customLong("validate"),
        help: "Check the job and its data, say what would be done, and end.")
    var onlyChecks = false

    @Flag(help: "Print the job with all defaults filled in, and end.")
    var printConfig = false

    func validate() throws {
        for (flag, path) in [("--config", config), ("--output", output)] where path == "" {
            throw ValidationError("\(flag) needs a path, and got an empty one")
        }
    }

    /// The command of a command line, which names a job.
    static func parseJob(_ arguments: [String]) throws -> TrainCommand {
        let command = try parse(arguments)
        guard command.config != nil else {
            throw ValidationError("Missing expected argument '--config <path>'")
        }
        return command
    }

    /// The job of the configuration file and the `--set` arguments.
    func loadConfig() throws(ConfigError) -> TrainConfig {
        try TrainConfig.load(path: config ?? "", overrides: overrides)
    }
}

extension TransportChoice: ExpressibleByArgument {}

extension ResumeChoice: ExpressibleByArgument {
    /// `auto`, `never`, or the path of a folder.
    public init?(argument: String) {
        switch argument {
        case "": return nil
        case "auto": self = .auto
        case "never": self = .never
        default: self = .folder(argument)
        }
    }

    /// The word of `auto` in the help.
    public var defaultValueDescription: String { "auto" }
}
