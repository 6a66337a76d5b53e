import ArgumentParser
import Glibc
import MLXLMCommon

/// The command line of `mlx-lm`.
struct LanguageModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-lm",
        abstract: "Generates text with language models, and converts and measures them.",
        discussion: """
            A model is a folder with config.json and *.safetensors, a GGUF file, or a name like \
            owner/model, whose files are downloaded from the Hugging Face hub into its cache \
            (HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE). \
            Exit status: 0 done, 64 bad usage, 65 a bad model, adapter or data file, 66 a file is \
            missing, 69 the hub can't be reached, 70 a fault, 73 output can't be written.
            """,
        version: "0.1.0",
        subcommands: [
            GenerateCommand.self, ChatCommand.self, CachePromptCommand.self, InfoCommand.self,
            ConvertCommand.self, EvaluateCommand.self, FuseCommand.self,
        ])

    /// Refuses a first word that is no subcommand.
    static func check(subcommand word: String) throws {
        let known = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        guard !word.hasPrefix("-"), !known.contains(word) else { return }
        let nearest = NearestWord.to(word, among: known).map { "; did you mean \($0)?" } ?? ""
        throw ValidationError("there is no subcommand '\(word)'\(nearest)")
    }

    /// Ends the process: a wrong command line in one line, all else as the parser says.
    static func end(_ error: any Error) -> Never {
        guard exitCode(for: error) == .validationFailure, !(error is ExitCode) else {
            exit(withError: error)
        }
        var line = message(for: error).prefix { $0 != "\n" }
        if line.hasSuffix(".") { line.removeLast() }
        Console.note("mlx-lm: \(line) (see mlx-lm --help)")
        Glibc.exit(ExitCode.validationFailure.rawValue)
    }
}
