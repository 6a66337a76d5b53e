import Foundation

/// A server of models with the layout of the Hugging Face hub, and this user's cache of it.
///
/// The cache has the layout of Python's `huggingface_hub`, so that both share what was downloaded:
/// `models--NAME/blobs` holds the files by their digests, `snapshots/COMMIT` links to them by name,
/// `refs` holds the commits of branches and tags.
///
/// Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
public struct Hub: Sendable {
    /// The server.
    public let endpoint: URL
    /// The folder of the cache.
    public let cache: String
    /// What the user identifies with; sent to the server alone, not to those it refers to.
    let token: String?
    /// Whether only the cache is asked.
    public let isOffline: Bool

    /// A hub.
    public init(endpoint: URL, cache: String, token: String? = nil, isOffline: Bool = false) {
        (self.endpoint, self.cache) = (endpoint, cache)
        (self.token, self.isOffline) = (token, isOffline)
    }

    /// The hub that the environment names, by the variables of `huggingface_hub`: `HF_ENDPOINT`,
    /// `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`.
    ///
    /// Throws ``HubError/name(_:)`` for an endpoint that is no address of a server.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment)
        throws(HubError)
    {
        func value(_ name: String) -> String? {
            environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        let home = value("HOME") ?? NSHomeDirectory()
        let root =
            value("HF_HOME")
            ?? (value("XDG_CACHE_HOME") ?? home + "/.cache") + "/huggingface"
        let address = value("HF_ENDPOINT") ?? "https://huggingface.co"
        guard let endpoint = URL(string: address), endpoint.host != nil,
            ["http", "https"].contains(endpoint.scheme)
        else {
            throw .name("HF_ENDPOINT is \(address), which is no address like https://host")
        }
        let words =
            value("HF_TOKEN") ?? (try? String(contentsOfFile: root + "/token", encoding: .utf8))
        let token = words?.trimmingCharacters(in: .whitespacesAndNewlines)
        self.init(
            endpoint: endpoint, cache: value("HF_HUB_CACHE") ?? root + "/hub",
            token: token.flatMap { $0.isEmpty ? nil : $0 },
            isOffline: ["1", "true", "yes", "on"].contains(
                value("HF_HUB_OFFLINE")?.lowercased() ?? ""))
    }

    /// Whether a text can be a model's name: an owner and a name, as in
    /// `HuggingFaceTB/SmolLM2-135M-Instruct`.
    public static func isName(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && text.count <= 200
            && parts.allSatisfy { part in
                !part.isEmpty && !part.hasPrefix(".") && !part.contains("..")
                    && !part.contains("--") && part.allSatisfy(isLetter)
            }
    }

    private static func isLetter(_ letter: Character) -> Bool {
        letter.isASCII && (letter.isLetter || letter.isNumber || "-_.".contains(letter))
    }
}

/// How far a download is.
public struct HubProgress: Sendable {
    /// The file's name in the model's folder.
    public let file: String
    /// The bytes that are there.
    public let done: Int
    /// The bytes of the whole file.
    public let total: Int
}
