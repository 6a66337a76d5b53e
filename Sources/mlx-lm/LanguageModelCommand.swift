import ArgumentParser

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
}
