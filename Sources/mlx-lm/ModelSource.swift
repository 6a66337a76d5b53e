import ArgumentParser
import Foundation
import Glibc
import MLXHub
import Synchronization

/// Which model: files of this machine, or a name on the hub.
struct ModelSource {
    static let help: ArgumentHelp = ArgumentHelp(
        "The model: a folder, a GGUF file, or a name on the Hugging Face hub.",
        valueName: "path or owner/name")

    /// Where the model's files are, after downloading what the hub has and the cache has not.
    static func url(_ text: String, revision: String = "main") throws -> URL {
        if FileManager.default.fileExists(atPath: text) || !Hub.isName(text) {
            return URL(filePath: text)
        }
        let display = DownloadDisplay()
        defer { display.end() }
        do throws(HubError) {
            let folder = try Hub().snapshot(of: text, revision: revision) { display.show($0) }
            return URL(filePath: folder)
        } catch {
            switch error {
            case .refused(let reason):
                throw HubError.refused("no file or folder is named \(text), and \(reason)")
            case .unavailable(let reason):
                throw HubError.unavailable("no file or folder is named \(text), and \(reason)")
            default: throw error
            }
        }
    }
}

/// How far downloads are, on standard error: a bar on a terminal, else a line for each file.
final class DownloadDisplay: Sendable {
    private let isTerminal = isatty(2) == 1
    private let state = Mutex(State())

    private struct State {
        var file = ""
        var percent = -1
        var isOpen = false
    }

    /// Shows a piece.
    func show(_ progress: HubProgress) {
        let percent = progress.total == 0 ? 100 : progress.done * 100 / progress.total
        let text: String? = state.withLock { state in
            let isNew = state.file != progress.file
            guard isNew || (isTerminal && percent != state.percent) else { return nil }
            let end = isNew && state.isOpen ? "\n" : ""
            (state.file, state.percent, state.isOpen) = (progress.file, percent, isTerminal)
            let size = String(format: "%.1f MB", Double(progress.total) / 1e6)
            guard isTerminal else { return "downloading \(progress.file) (\(size))\n" }
            let bar = String(repeating: "#", count: percent / 4).padding(
                toLength: 25, withPad: ".", startingAt: 0)
            return "\(end)\r\(progress.file) [\(bar)] \(percent) % of \(size)"
        }
        if let text { FileHandle.standardError.write(Data(text.utf8)) }
    }

    /// Ends the last bar's line.
    func end() {
        if state.withLock({ $0.isOpen }) { FileHandle.standardError.write(Data("\n".utf8)) }
    }
}
