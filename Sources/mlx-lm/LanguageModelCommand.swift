import ArgumentParser

/// The command line of `mlx-lm`.
struct LanguageModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-lm",
        abstract: "Generates text with language models, and converts and measures them.",
        discussion: """
            A model is a folder with config.json and *.safetensors, or a GGUF file. \
            Exit status: 0 done, 64 bad usage, 65 a bad model, adapter or data file, 66 a file is \
            missing, 70 a fault, 73 output can't be written.
            """,
        version: "0.1.0",
        subcommands: [
            GenerateCommand.self, ChatCommand.self, CachePromptCommand.self, InfoCommand.self,
            ConvertCommand.self, EvaluateCommand.self, FuseCommand.self,
        ])
}
