import ArgumentParser
import Foundation
import MLX
import MLXHub
import MLXLMCommon

/// What the commands print, and how they end.
enum Console {
    /// Prints text at once.
    static func show(_ text: String, terminator: String = "\n") {
        FileHandle.standardOutput.write(Data((text + terminator).utf8))
    }

    /// Prints to standard error.
    static func note(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }

    /// Runs a command; an error becomes one line and the status of its kind.
    static func run(_ body: () throws -> Void) throws {
        do {
            try withError { try body() }
        } catch let error as LanguageModelError {
            note("mlx-lm: \(error)")
            throw ExitCode(error.exitStatus)
        } catch let error as HubError {
            note("mlx-lm: \(error)")
            throw ExitCode(error.exitStatus)
        } catch let error as TokenizerError {
            note("mlx-lm: \(error)")
            throw ExitCode(error.exitStatus)
        } catch let error as TemplateError {
            note("mlx-lm: \(error)")
            throw ExitCode(65)
        } catch let error as MLXError {
            note("mlx-lm: \(error)")
            throw ExitCode(70)
        }
    }

    /// The lines that tell how long a generation took.
    static func describe(_ info: GenerateCompletionInfo, _ mode: ComputationMode) -> String {
        func number(_ value: Double) -> String { String(format: "%.1f", value) }
        let memory = String(format: "%.3f", Double(Memory.peakMemory) / 1e9)
        return """
            Prompt: \(info.promptTokenCount) tokens, \(number(info.promptTokensPerSecond)) \
            tokens-per-sec
            Generation: \(info.generationTokenCount) tokens, \(number(info.tokensPerSecond)) \
            tokens-per-sec
            Mode: \(mode), \(Workers.count) threads
            Peak memory: \(memory) GB
            """
    }
}

extension TokenizerError {
    /// The status that a command ends with.
    var exitStatus: Int32 {
        switch self {
        case .missing: 66
        case .malformed, .unsupported: 65
        case .missingChatTemplate: 64
        }
    }
}

/// Python's words for true and false too.
struct Truth: ExpressibleByArgument {
    let value: Bool

    init(_ value: Bool) { self.value = value }

    init?(argument: String) {
        switch argument.lowercased() {
        case "true", "yes", "1", "t", "y": value = true
        case "false", "no", "0", "f", "n": value = false
        default: return nil
        }
    }

    var defaultValueDescription: String { "\(value)" }
}
