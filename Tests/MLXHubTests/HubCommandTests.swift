import Foundation
import Testing

/// `mlx-lm` with a model's name in place of its folder.
@Suite("mlx-lm with a model of the hub")
struct HubCommandTests {
    private struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    private static let model = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/models/llama2")

    private func run(_ arguments: [String], _ server: HubServer, _ folder: Folder) throws -> Outcome
    {
        let process = Process()
        process.executableURL =
            URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "mlx-lm")
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.environment = ProcessInfo.processInfo.environment.merging([
            "HF_ENDPOINT": server.hub.address, "HF_HOME": folder.path,
        ]) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        try process.run()
        // Both are a few lines, which a pipe holds.
        process.waitUntilExit()
        func text(_ pipe: Pipe) -> String {
            String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        return Outcome(
            status: process.terminationStatus, output: text(output), errors: text(errors))
    }

    private func server() throws -> HubServer {
        var files: [String: Data] = [:]
        for url in try FileManager.default.contentsOfDirectory(
            at: Self.model, includingPropertiesForKeys: nil)
        where ["json", "safetensors"].contains(url.pathExtension) {
            files[url.lastPathComponent] = try Data(contentsOf: url)
        }
        return HubServer(
            HubServer.Settings(files: files, large: ["model.safetensors"], cut: 20_000))
    }

    @Test func `downloads it, and does not ask again what it has`() throws {
        let (server, folder) = (try server(), try Folder())
        let local = try run(["info", "--model", Self.model.path], server, folder)
        #expect(local.status == 0, "\(local.errors)")
        #expect(server.hub.log.isEmpty)
        let first = try run(["info", "--model", "owner/model"], server, folder)
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output == local.output)
        #expect(first.errors.contains("downloading model.safetensors"))
        let second = try run(["info", "--model", "owner/model"], server, folder)
        #expect(second.output == local.output)
        #expect(second.errors.isEmpty)
    }

    @Test func `tells in one line what is wrong`() throws {
        let (server, folder) = (try server(), try Folder())
        let missing = try run(["info", "--model", "owner/other"], server, folder)
        #expect(missing.status == 66)
        #expect(missing.errors.contains("no file or folder is named owner/other"))
        server.change { $0.wrong = ["model.safetensors": Data(repeating: 1, count: 10)] }
        let short = try run(["info", "--model", "owner/model"], server, folder)
        #expect(short.status == 65)
        #expect(short.errors.contains("shorter"))
        for outcome in [missing, short] {
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("mlx-lm: ") }
            #expect(lines.count == 1, "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }
}
