import ArgumentParser
import Foundation
import MLXLMCommon

/// Times the package, one suite a subcommand; each prints one JSON line a case.
@main
struct MLXBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-bench", abstract: "Times MLX; prints one JSON line a case.",
        subcommands: [
            OpsCommand.self, TrainCommand.self, ModelsCommand.self, LanguageModelCommand.self,
            OptimizerCommand.self,
            GrowthCommand.self, VmapCommand.self,
        ])
}

/// The flags that all suites have.
struct Options: ParsableArguments {
    @Option(help: "A regular expression of the cases to run.")
    var only: String?

    @Option(help: "A regular expression of the cases to leave out.")
    var skip: String?

    @Option(help: "How often each case is timed.")
    var reps = 9

    @Option(help: "The number of threads; all cores unless set.")
    var threads: Int?

    func validate() throws {
        guard reps > 0 else { throw ValidationError("--reps must be above 0, got \(reps)") }
        if let threads, threads < 1 {
            throw ValidationError("--threads must be above 0, got \(threads)")
        }
        for pattern in [only, skip].compactMap({ $0 }) where (try? Regex(pattern)) == nil {
            throw ValidationError("\(pattern) is no regular expression")
        }
    }
}

struct OpsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ops", abstract: "Single operations.")

    @OptionGroup var options: Options

    func run() throws { try Runner(options).runOneByOne(OpsSuite.cases()) }
}

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Whole training steps.")

    @OptionGroup var options: Options

    func run() throws { try Runner(options).runOneByOne(TrainSuite.cases()) }
}

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "Training steps of models of many kinds of layers.")

    @OptionGroup var options: Options

    func run() throws { try Runner(options).runOneByOne(ModelSuite.cases()) }
}

struct LanguageModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lm",
        abstract: "A prompt and its continuation by language models, and tokenizers.")

    @OptionGroup var options: Options

    @Option(
        name: .customLong("model"),
        help: ArgumentHelp(
            "A model and its word in the cases; may be repeated.", valueName: "label=path"))
    var models: [String] = []

    @Option(help: "How models compute: fast or exact.")
    var mode = "\(ComputationMode.fast)"

    @Option(
        help: ArgumentHelp(
            "A folder of tokenizer.json files by any name, and text.txt.", valueName: "folder"))
    var vocabularies: String?

    func validate() throws {
        if models.isEmpty, vocabularies == nil {
            throw ValidationError("there is nothing to time: give --model or --vocabularies")
        }
        if ComputationMode(rawValue: mode) == nil {
            throw ValidationError("--mode is fast or exact, got \(mode)")
        }
        for model in models where !model.contains("=") {
            throw ValidationError("--model needs label=path, got \(model)")
        }
    }

    func run() throws {
        let found = models.map { model in
            let parts = model.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return LanguageModelSuite.Model(
                label: String(parts[0]), url: URL(filePath: String(parts[1])))
        }
        let tokenizers = try vocabularies.map { try TokenizerSuite.cases(URL(filePath: $0)) } ?? []
        try Runner(options).runOneByOne(
            LanguageModelSuite.cases(found, ComputationMode(rawValue: mode) ?? .fast) + tokenizers)
    }
}

struct OptimizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "optimizer",
        abstract: "Optimizer steps beside the machine's memory bandwidth, in turns.")

    @OptionGroup var options: Options

    func run() throws {
        try Runner(options).runInTurns(OptimizerSuite.cases())
    }
}

struct GrowthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "growth",
        abstract: "The time of a unit of work at growing sizes; prints tables with verdicts.")

    @OptionGroup var options: Options

    func run() throws { try GrowthSuite(Runner(options)).run() }
}

struct VmapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vmap",
        abstract: "vmap over 1,000 rows beside the batched form by hand; prints a table.")

    @OptionGroup var options: Options

    func run() throws { try VmapSuite(options).run() }
}
