import Crypto
import Foundation
import Synchronization

/// A hub with one model, `owner/model`, whose large files lie on a second server.
final class HubServer: Sendable {
    static let commit = "0123456789abcdef0123456789abcdef01234567"

    struct Settings: Sendable {
        var files: [String: Data]
        /// The names of the files that lie on the second server.
        var large: Set<String> = []
        /// What must be known to be let in.
        var token: String?
        /// After so many bytes every answer of the second server breaks off.
        var cut: Int?
        /// Whether ranges are unknown to the second server.
        var ignoresRanges = false
        /// What comes instead of a file's content.
        var wrong: [String: Data] = [:]
        /// So many of the next requests are answered with this status.
        var failures = 0
        var failure = 503
        var listing: String?
    }

    private let settings: Box
    let store: HTTPServer
    let hub: HTTPServer

    /// Shared by the servers' threads.
    private final class Box: Sendable {
        let value: Mutex<Settings>
        init(_ settings: Settings) { value = Mutex(settings) }
    }

    init(_ settings: Settings) {
        let box = Box(settings)
        self.settings = box
        let store = HTTPServer { request in
            box.value.withLock { settings in
                let name = String(request.path.dropFirst())
                let body = settings.wrong[name] ?? settings.files[name] ?? Data()
                let start = settings.ignoresRanges ? 0 : request.start ?? 0
                guard start < body.count || start == 0 else {
                    return HTTPServer.Answer(status: 416)
                }
                return HTTPServer.Answer(
                    status: start > 0 ? 206 : 200, body: body.dropFirst(start),
                    cut: settings.cut)
            }
        }
        self.store = store
        let storeAddress = store.address
        hub = HTTPServer { request in
            box.value.withLock { settings in
                if settings.failures > 0 {
                    settings.failures -= 1
                    return HTTPServer.Answer(status: settings.failure)
                }
                if let token = settings.token, request.headers["authorization"] != "Bearer \(token)"
                {
                    return HTTPServer.Answer(status: 401)
                }
                return Self.answer(request, settings, storeAddress)
            }
        }
    }

    func change(_ body: @Sendable (inout Settings) -> Void) {
        settings.value.withLock { body(&$0) }
    }

    private static func answer(
        _ request: HTTPServer.Request, _ settings: Settings, _ store: String
    ) -> HTTPServer.Answer {
        let list = "/api/models/owner/model/revision/"
        if request.path == list + "main" || request.path == list + commit {
            let files = settings.files.keys.sorted().map { "{\"rfilename\": \"\($0)\"}" }
            let text =
                settings.listing
                ?? "{\"sha\": \"\(commit)\", \"siblings\": [\(files.joined(separator: ", "))]}"
            return HTTPServer.Answer(body: Data(text.utf8))
        }
        let folder = "/owner/model/resolve/\(commit)/"
        guard request.path.hasPrefix(folder),
            let name = String(request.path.dropFirst(folder.count)).removingPercentEncoding,
            let file = settings.files[name]
        else { return HTTPServer.Answer(status: 404) }
        if settings.large.contains(name) {
            return HTTPServer.Answer(
                status: 302,
                headers: [
                    ("X-Linked-Etag", "\"\(sha256(file))\""), ("X-Linked-Size", "\(file.count)"),
                    ("Location", "\(store)/\(name)"),
                ])
        }
        return HTTPServer.Answer(
            headers: [("ETag", "W/\"\(blob(file))\""), ("X-Repo-Commit", commit)], body: file)
    }

    static func sha256(_ data: Data) -> String { digits(SHA256.hash(data: data)) }

    /// The digest that git gives a file.
    static func blob(_ data: Data) -> String {
        digits(Insecure.SHA1.hash(data: Data("blob \(data.count)\0".utf8) + data))
    }

    private static func digits(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }
}
