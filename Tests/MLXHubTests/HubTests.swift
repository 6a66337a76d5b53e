import Foundation
import MLXHub
import Synchronization
import Testing

/// Downloads from a hub that the tests serve themselves.
@Suite("A model of the hub")
struct HubTests {
    private static let weights = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

    private static let model = HubServer.Settings(
        files: [
            "config.json": Data("{}".utf8), "model.safetensors": weights,
            "parts/more words.json": Data("[1]".utf8), "pytorch_model.bin": Data("no".utf8),
            ".gitattributes": Data("no".utf8),
        ], large: ["model.safetensors"])

    private let folder: Folder
    private let server: HubServer

    init() throws {
        folder = try Folder()
        server = HubServer(Self.model)
    }

    private func hub(_ variables: [String: String] = [:]) throws -> Hub {
        let own = ["HF_ENDPOINT": server.hub.address, "HF_HOME": folder.path, "HOME": folder.path]
        return try Hub(environment: own.merging(variables) { $1 })
    }

    private func content(_ snapshot: String, _ file: String) throws -> Data {
        try Data(contentsOf: URL(filePath: snapshot).appending(path: file))
    }

    @Test func `is downloaded once, in the layout that Python's cache has`() throws {
        let first = try hub().snapshot(of: "owner/model")
        #expect(
            first == "\(folder.path)/hub/models--owner--model/snapshots/\(HubServer.commit)")
        #expect(try content(first, "model.safetensors") == Self.weights)
        #expect(try content(first, "parts/more words.json") == Data("[1]".utf8))
        for name in ["pytorch_model.bin", ".gitattributes"] {
            #expect(!FileManager.default.fileExists(atPath: "\(first)/\(name)"))
        }
        let link = try FileManager.default.destinationOfSymbolicLink(
            atPath: "\(first)/parts/more words.json")
        #expect(link == "../../../blobs/\(HubServer.blob(Data("[1]".utf8)))")
        #expect(
            try String(
                contentsOfFile: "\(folder.path)/hub/models--owner--model/refs/main", encoding: .utf8
            )
                == HubServer.commit)
        server.hub.forget()
        #expect(try hub().snapshot(of: "owner/model") == first)
        #expect(server.hub.log.map(\.path) == ["/api/models/owner/model/revision/main"])
        let blobs = try FileManager.default.contentsOfDirectory(
            atPath: "\(folder.path)/hub/models--owner--model/blobs")
        #expect(blobs.count == 3)
    }

    @Test func `goes on where a connection broke off`() throws {
        server.change { $0.cut = 90_000 }
        let progress = Mutex<[Int]>([])
        let snapshot = try hub().snapshot(of: "owner/model") { state in
            #expect(state.total == (state.file == "model.safetensors" ? 300_000 : state.total))
            if state.file == "model.safetensors" { progress.withLock { $0.append(state.done) } }
        }
        #expect(try content(snapshot, "model.safetensors") == Self.weights)
        #expect(server.store.log.map(\.start) == [nil, 90_000, 180_000, 270_000])
        #expect(progress.withLock { $0.last } == 300_000)
    }

    @Test func `goes on where a process was stopped`() throws {
        server.change { $0.cut = 0 }
        #expect(throws: HubError.self) { try hub().snapshot(of: "owner/model") }
        let blobs = "\(folder.path)/hub/models--owner--model/blobs"
        let part = "\(blobs)/\(HubServer.sha256(Self.weights)).incomplete"
        try Self.weights.prefix(123_456).write(to: URL(filePath: part))
        server.change { $0.cut = nil }
        server.store.forget()
        let snapshot = try hub().snapshot(of: "owner/model")
        #expect(try content(snapshot, "model.safetensors") == Self.weights)
        #expect(server.store.log.map(\.start) == [123_456])
    }

    @Test func `begins anew at a server without ranges, and after a wrong beginning`() throws {
        server.change { $0.cut = 0 }
        #expect(throws: HubError.self) { try hub().snapshot(of: "owner/model") }
        let part =
            "\(folder.path)/hub/models--owner--model/blobs/\(HubServer.sha256(Self.weights))"
            + ".incomplete"
        for ignoresRanges in [true, false] {
            server.change {
                $0.cut = nil
                $0.ignoresRanges = ignoresRanges
            }
            try Data(repeating: 7, count: 1000).write(to: URL(filePath: part))
            let snapshot = try hub().snapshot(of: "owner/model")
            #expect(try content(snapshot, "model.safetensors") == Self.weights)
            try FileManager.default.removeItem(atPath: "\(folder.path)/hub")
            try FileManager.default.createDirectory(
                atPath: URL(filePath: part).deletingLastPathComponent().path,
                withIntermediateDirectories: true)
        }
    }

    @Test func `with a wrong digest or length is refused, and never taken from the cache`() throws {
        for (wrong, word) in [
            (Data(repeating: 1, count: 300_000), "digest"), (Self.weights + [0], "longer"),
        ] {
            server.change { $0.wrong = ["model.safetensors": wrong] }
            let error = #expect(throws: HubError.self) {
                try hub().snapshot(of: "owner/model")
            }
            #expect(error?.exitStatus == 65)
            #expect(error?.description.contains(word) == true)
            #expect(error?.description.contains("model.safetensors") == true)
        }
        server.change { $0.wrong = [:] }
        let snapshot = try hub().snapshot(of: "owner/model")
        #expect(try content(snapshot, "model.safetensors") == Self.weights)
    }

    @Test func `comes with a token that other servers do not see`() throws {
        server.change { $0.token = "secret" }
        let error = #expect(throws: HubError.self) { try hub().snapshot(of: "owner/model") }
        #expect(error?.exitStatus == 66)
        #expect(error?.description.contains("HF_TOKEN") == true)
        _ = try hub(["HF_TOKEN": "secret"]).snapshot(of: "owner/model")
        #expect(!server.store.log.isEmpty)
        #expect(server.store.log.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test func `is asked for again where the hub is busy`() throws {
        server.change { $0.failures = 3 }
        let snapshot = try hub().snapshot(of: "owner/model")
        #expect(try content(snapshot, "config.json") == Data("{}".utf8))
    }

    @Test func `is taken from the cache where the hub is away, or not wanted`() throws {
        let offline = ["HF_HUB_OFFLINE": "1"]
        let missing = #expect(throws: HubError.self) {
            try hub(offline).snapshot(of: "owner/model")
        }
        #expect(missing?.exitStatus == 69)
        #expect(missing?.description.contains("HF_HUB_OFFLINE") == true)
        #expect(server.hub.log.isEmpty)
        let snapshot = try hub().snapshot(of: "owner/model")
        server.hub.forget()
        #expect(try hub(offline).snapshot(of: "owner/model") == snapshot)
        #expect(server.hub.log.isEmpty)
        server.change { $0.failures = 100 }
        #expect(try hub().snapshot(of: "owner/model") == snapshot)
    }

    @Test func `that is not there, or no model, is told`() throws {
        for (name, status, word) in [
            ("owner/other", 66, "owner/other"), ("owner", 64, "owner/model"),
            ("../model", 64, "owner/model"), ("a/b/c", 64, "owner/model"), ("o/m o", 64, "m o"),
        ] {
            let error = #expect(throws: HubError.self) { try hub().snapshot(of: name) }
            #expect(error?.exitStatus == Int32(status), "\(name)")
            #expect(error?.description.contains(word) == true, "\(name)")
        }
        let revision = #expect(throws: HubError.self) {
            try hub().snapshot(of: "owner/model", revision: "nightly")
        }
        #expect(revision?.description.contains("nightly") == true)
        for (listing, word) in [
            ("<html>", "HF_ENDPOINT"),
            ("{\"sha\": \"\(HubServer.commit)\", \"siblings\": []}", "config.json"),
            (
                "{\"sha\": \"\(HubServer.commit)\", \"siblings\": [{\"rfilename\": \"../x.json\"}]}",
                "../x.json"
            ),
            ("{\"sha\": \"../..\", \"siblings\": []}", "HF_ENDPOINT"),
        ] {
            server.change { $0.listing = listing }
            let error = #expect(throws: HubError.self) { try hub().snapshot(of: "owner/model") }
            #expect(error?.description.contains(word) == true, "\(listing)")
        }
        #expect(throws: HubError.self) { try hub(["HF_ENDPOINT": "nowhere"]) }
    }

    @Test func `is downloaded once by processes at the same time`() throws {
        let hub = try hub()
        let results = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            if let path = try? hub.snapshot(of: "owner/model") {
                results.withLock { $0.append(path) }
            }
        }
        #expect(results.withLock { $0.count } == 4)
        #expect(server.store.log.count == 1)
    }

    @Test func `that can't be kept is told with the folder`() throws {
        try Data().write(to: URL(filePath: "\(folder.path)/hub"))
        let error = #expect(throws: HubError.self) { try hub().snapshot(of: "owner/model") }
        #expect(error?.exitStatus == 73)
        #expect(error?.description.contains("\(folder.path)/hub") == true)
    }
}

/// A folder that goes with the object.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "hub-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
