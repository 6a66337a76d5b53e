import ArgumentParser
import Foundation
import MLX
import MLXLMCommon

/// `mlx-lm chat`.
struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talks with a model: a line a turn; q ends, r begins anew, h helps.")

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var promptOptions: PromptOptions

    func run() throws {
        try Console.run {
            let context = try model.load()
            let session = ChatSession(
                context, instructions: promptOptions.systemPrompt,
                parameters: try sampling.parameters(context.tokenizer),
                additionalContext: try promptOptions.variables())
            help()
            while let line = prompted() {
                switch line {
                case "q": return
                case "h": help()
                case "r": session.clear()
                case "": continue
                default:
                    let (_, info) = try session.respond(to: line) {
                        Console.show($0, terminator: "")
                    }
                    Console.show("")
                    let speed = String(format: "%.1f", info.tokensPerSecond)
                    Console.note(
                        "[\(info.generationTokenCount) tokens, \(speed) tokens-per-sec, "
                            + "\(context.mode) mode]")
                }
            }
        }
    }

    private func prompted() -> String? {
        Console.show(">> ", terminator: "")
        return readLine()
    }

    private func help() {
        Console.show("q ends, r begins a new conversation, h prints this.")
    }
}
