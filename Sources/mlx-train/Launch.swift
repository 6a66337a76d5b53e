import Glibc
import MLX
import MLXDistributed
import MLXDistributedMPI
import MLXLMCommon
import MLXTrain

/// The way of the command from its arguments to its exit status.
struct Launch {
    let command: TrainCommand

    /// Whether the launcher's environment makes this process rank 0; so it is without a launcher.
    static var isFirstRank: Bool {
        let environment = try? LaunchEnvironment.current()
        return (environment?.rank ?? 0) == 0
    }

    /// Whether an MPI launcher started this process, which ends all ranks when one has failed.
    private static var hasMPILauncher: Bool {
        (try? LaunchEnvironment.current())?.startsMPI == true
    }

    /// Does what a subcommand asks for, and ends the process.
    static func runSubcommand(_ word: String, _ arguments: some Sequence<String>) -> Never {
        let arguments = Array(arguments)
        switch word {
        case "doctor": DoctorCommand.run(arguments)
        case "bench-collectives": benchCollectives(arguments)
        case "checkpoints": runCheckpoints(arguments)
        default:
            // It is the same on every rank: rank 0 tells.
            guard isFirstRank else { exit(0) }
            refuse(
                subcommand: word, among: ["bench-collectives", "checkpoints", "doctor"],
                help: "mlx-train --help")
        }
    }

    /// Ends a command line whose subcommand does not exist.
    private static func refuse(
        subcommand word: String, among known: [String], help: String
    ) -> Never {
        let nearest = NearestWord.to(word, among: known).map { "; did you mean \($0)?" } ?? ""
        refuse("there is no subcommand '\(word)'\(nearest)", help: help)
    }

    /// Ends a command line that asks for help or the version, or is wrong.
    static func end(_ error: any Error) -> Never {
        // It is the same on every rank: rank 0 tells.
        guard isFirstRank else { exit(0) }
        guard TrainCommand.exitCode(for: error) != .success else {
            TrainCommand.exit(withError: error)
        }
        refuse(TrainCommand.message(for: error), help: "mlx-train --help")
    }

    /// Ends a wrong command line with the first line of what the parser says.
    static func refuse(_ message: String, help: String) -> Never {
        var line = message.prefix { $0 != "\n" }
        if line.hasSuffix(".") { line.removeLast() }
        Console.complain("mlx-train: \(line) (see \(help))")
        exit(ExitStatus.usage.rawValue)
    }

    /// Ends the process of a subcommand.
    static func end(_ status: Int32, _ words: String? = nil) -> Never {
        if let words { Console.complain("mlx-train: \(words)") }
        exit(status)
    }

    /// Does what the arguments after `checkpoints` ask for, and ends the process.
    static func runCheckpoints(_ arguments: [String]) -> Never {
        // The files are the same for all ranks: rank 0 does the work.
        guard isFirstRank else { exit(0) }
        let known = ["list", "verify", "export", "prune"]
        if let word = arguments.first, !word.hasPrefix("-"), !(known + ["help"]).contains(word) {
            refuse(subcommand: word, among: known, help: "mlx-train checkpoints --help")
        }
        do {
            var command = try CheckpointsCommand.parseAsRoot(arguments)
            do {
                try command.run()
            } catch  where CheckpointsCommand.exitCode(for: error) != .success {
                let verdict = Verdict(error)
                if let line = verdict.line { Console.complain("mlx-train: \(line)") }
                exit(verdict.status)
            }
        } catch {
            guard CheckpointsCommand.exitCode(for: error) != .success else {
                CheckpointsCommand.exit(withError: error)
            }
            refuse(CheckpointsCommand.message(for: error), help: "mlx-train checkpoints --help")
        }
        exit(0)
    }

    /// Does what the command line asks for, and ends the process.
    func run() -> Never {
        if command.printConfig || command.onlyChecks { inspect() }
        OpenBLASCore.restartWithBetterCore()
        ParentProcess.endWithLauncher()
        StopSignals.install()
        // A display that nobody reads any more is no reason to stop the work.
        signal(SIGPIPE, SIG_IGN)
        // A file that may not grow is an error of its write, as on a full device.
        signal(SIGXFSZ, SIG_IGN)
        let config = Result { () throws(ConfigError) in try command.loadConfig() }
        let group: Group
        do {
            group = try Connection(choice: command.transport, config: try? config.get()).join()
        } catch {
            let verdict = Verdict(error)
            // A wrong start is the same on every rank: rank 0 tells.
            let isShared = (error as? DistributedError)?.concernsOneRank != true
            guard verdict.status != ExitStatus.usage.rawValue || !isShared || Launch.isFirstRank
            else { exit(Launch.hasMPILauncher ? 0 : verdict.status) }
            fail(verdict)
        }
        do {
            let config = try group.agree { try config.get() }
            try train(config, group)
            try group.finalize()
        } catch {
            Connection.end(error, of: group)
        }
        exit(0)
    }

    /// The job without training: rank 0 tells, the others have nothing to do.
    private func inspect() -> Never {
        guard Launch.isFirstRank else { exit(0) }
        do {
            let config = try command.loadConfig()
            if command.printConfig { try Console.deliver(config.resolvedJSON()) }
            if command.onlyChecks {
                let environment = try LaunchEnvironment.current()
                let lines = try JobSummary(config: config).lines(
                    worldSize: environment?.size ?? 1, localSize: environment?.localSize ?? 1)
                try Console.deliver(lines.map { $0 + "\n" }.joined())
            }
        } catch {
            fail(Verdict(error))
        }
        exit(0)
    }

    private func train(_ config: TrainConfig, _ group: Group) throws {
        Workers.count = group.threadBudget
        // The processes of a node share its memory.
        Memory.cacheLimit /= group.localSize
        Memory.memoryLimit /= group.localSize
        if group.rank == 0 {
            let warnings = config.warnings(worldSize: group.size)
            for warning in warnings + [group.bindingWarning].compactMap({ $0 }) {
                Console.complain("mlx-train: warning: \(warning)")
            }
        }
        try Job(
            config: config, output: command.output ?? "runs/\(config.name)",
            resume: command.resume, allowsConfigChange: command.allowConfigChange, group: group,
            show: Console.write
        ).train { _ in StopSignals.pending }
    }

    private func fail(_ verdict: Verdict) -> Never {
        if let line = verdict.line { Console.complain("mlx-train: \(line)") }
        exit(verdict.status)
    }
}
