import Foundation
import FoundationNetworking

/// One address of the hub, asked as often as it takes.
struct HubRequest: Sendable {
    /// The silence after which a connection counts as lost, in seconds.
    static let patience = 30.0
    /// How often an address is asked before it counts as lost.
    static let attempts = 5

    private let hub: Hub
    private let path: String

    init(_ hub: Hub, _ path: String) { (self.hub, self.path) = (hub, path) }

    var address: String {
        let start = hub.endpoint.absoluteString
        return (start.hasSuffix("/") ? String(start.dropLast()) : start) + "/" + path
    }

    /// A file's or a revision's name as a part of an address.
    static func escaped(_ name: String) -> String {
        var allowed = CharacterSet.urlPathAllowed
        allowed.remove(charactersIn: "?#%;+")
        return name.addingPercentEncoding(withAllowedCharacters: allowed) ?? name
    }

    /// The request; with `from`, for what follows that many bytes.
    func request(_ method: String, from start: Int = 0) throws(HubError) -> URLRequest {
        guard let url = URL(string: address) else { throw .name("\(address) is no address") }
        var request = URLRequest(url: url, timeoutInterval: HubRequest.patience)
        request.httpMethod = method
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        request.setValue("mlx-distributed", forHTTPHeaderField: "User-Agent")
        if let token = hub.token {
            request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        }
        if start > 0 { request.setValue("bytes=\(start)-", forHTTPHeaderField: "Range") }
        return request
    }

    /// The text at the address.
    func text(of what: String) throws(HubError) -> Data {
        try retrying(what) { () throws(HubError) in
            var text = Data()
            let answer = try HubTransfer(try request("GET"), follows: .everywhere).run { piece in
                text.append(piece)
                return text.count < 64 << 20
            }
            try check(answer, what)
            return text
        }
    }

    /// What the hub says of the file at the address.
    func facts(of what: String) throws(HubError) -> HubFacts {
        try retrying(what) { () throws(HubError) in
            // Behind a reference to another server stand that server's own words on the file.
            let answer = try HubTransfer(try request("HEAD"), follows: .withinHost).run { _ in true
            }
            if !(300..<400).contains(answer.status) { try check(answer, what) }
            guard let facts = HubFacts(answer) else {
                throw .malformed("\(address) tells no size and digest: is HF_ENDPOINT a hub?")
            }
            return facts
        }
    }

    /// Tries again, after longer and longer pauses, what failed on the way.
    private func retrying<Value>(
        _ what: String, _ body: () throws(HubError) -> Value
    ) throws(HubError) -> Value {
        var attempt = 1
        while true {
            do {
                return try body()
            } catch .unavailable(let reason) {
                guard attempt < HubRequest.attempts else { throw .unavailable(reason) }
                HubRequest.pause(attempt)
                attempt += 1
            }
        }
    }

    /// A pause that doubles with each attempt, from an eighth of a second.
    static func pause(_ attempt: Int) {
        Thread.sleep(forTimeInterval: 0.0625 * Double(1 << min(attempt, 7)))
    }

    /// Refuses an answer that is none.
    func check(_ answer: HubAnswer, _ what: String) throws(HubError) {
        let place = hub.endpoint.absoluteString
        switch answer.status {
        case 200..<300: return
        case 401, 403:
            let fix =
                hub.token == nil
                ? "set HF_TOKEN if you may read it" : "HF_TOKEN does not open it"
            throw .refused("\(place) does not give \(what) (status \(answer.status)): \(fix)")
        case 404: throw .refused("\(place) has no \(what)")
        case 408, 429, 500...:
            throw .unavailable("\(address) answered with status \(answer.status)")
        default: throw .refused("\(place) refused \(what) with status \(answer.status)")
        }
    }
}

/// What the hub says of a file.
struct HubFacts: Sendable {
    /// Its digest: SHA-256 for large files, else that of a git blob.
    let tag: String
    let size: Int

    init?(_ answer: HubAnswer) {
        var tag = answer.header("X-Linked-Etag") ?? answer.header("ETag") ?? ""
        if tag.hasPrefix("W/") { tag.removeFirst(2) }
        tag = tag.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
        let length = answer.header("X-Linked-Size") ?? answer.header("Content-Length")
        guard let size = length.flatMap({ Int($0) }), size >= 0, !tag.isEmpty, tag.count <= 128,
            tag.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
        else { return nil }
        (self.tag, self.size) = (tag, size)
    }
}
