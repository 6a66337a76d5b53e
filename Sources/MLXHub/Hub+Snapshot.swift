import Foundation

extension Hub {
    /// The endings of the files that a language model consists of.
    static let endings = [
        ".json", ".safetensors", ".jinja", ".model", ".tiktoken", ".txt", ".jsonl",
    ]

    /// The folder of a model's files, after downloading those that the cache lacks.
    ///
    /// A download that broke off goes on where it was; every file's digest is checked. Where the hub
    /// can't be reached, the cache's newest answer counts. `progress` hears of every piece.
    public func snapshot(
        of name: String, revision: String = "main",
        progress: @escaping @Sendable (HubProgress) -> Void = { _ in }
    ) throws(HubError) -> String {
        guard Hub.isName(name) else {
            throw .name("\(name) is no model's name, which is like owner/model")
        }
        guard isRevision(revision) else {
            throw .name("\(revision) is no revision: a branch, a tag or a commit")
        }
        let folder = HubCache(
            "\(cache)/models--\(name.replacing("/", with: "--"))")
        if isOffline { return try cached(folder, name, revision, "HF_HUB_OFFLINE is set") }
        let listing: HubListing
        do {
            listing = try list(name, revision)
        } catch .unavailable(let reason) {
            return try cached(folder, name, revision, reason)
        }
        let files = listing.files.filter { file in
            !file.hasPrefix(".") && Hub.endings.contains { file.hasSuffix($0) }
                && !file.hasPrefix("onnx/") && !file.hasPrefix("original/")
        }
        guard files.contains("config.json") else {
            throw .refused("\(name) of \(endpoint.absoluteString) has no config.json")
        }
        for file in files { try fetch(file, of: name, listing.commit, folder, progress) }
        try folder.complete(revision: revision, commit: listing.commit, files: files)
        return folder.snapshot(listing.commit)
    }

    private func isRevision(_ text: String) -> Bool {
        !text.isEmpty && text.count <= 200 && !text.hasPrefix("/") && !text.contains("..")
            && text.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || "-_./".contains($0))
            }
    }

    private func cached(
        _ folder: HubCache, _ name: String, _ revision: String, _ reason: String
    ) throws(HubError) -> String {
        if let snapshot = folder.completeSnapshot(revision) { return snapshot }
        throw .unavailable("\(name) is not in the cache \(cache), and \(reason)")
    }

    private func list(_ name: String, _ revision: String) throws(HubError) -> HubListing {
        struct Answer: Decodable {
            struct File: Decodable { let rfilename: String }
            let sha: String
            let siblings: [File]
        }
        let path = "api/models/\(name)/revision/\(HubRequest.escaped(revision))"
        let answer = try HubRequest(self, path).text(of: "\(name) in revision \(revision)")
        guard let answer = try? JSONDecoder().decode(Answer.self, from: answer),
            answer.sha.count >= 7, answer.sha.allSatisfy(\.isHexDigit)
        else {
            throw .malformed(
                "\(endpoint.absoluteString)/\(path) is no list of a model's files: is HF_ENDPOINT a hub?"
            )
        }
        for file in answer.siblings where !HubCache.isInside(file.rfilename) {
            throw .malformed(
                "\(name) names the file \(file.rfilename), which leads out of its folder")
        }
        return HubListing(commit: answer.sha, files: answer.siblings.map(\.rfilename))
    }

    /// Sees to it that a file is in a snapshot.
    private func fetch(
        _ file: String, of name: String, _ commit: String, _ folder: HubCache,
        _ progress: @escaping @Sendable (HubProgress) -> Void
    ) throws(HubError) {
        if folder.holds(file, commit) { return }
        let request = HubRequest(self, "\(name)/resolve/\(commit)/\(HubRequest.escaped(file))")
        let facts = try request.facts(of: "\(file) of \(name)")
        let lock = try folder.lock(facts.tag)
        defer { lock.release() }
        if !folder.hasBlob(facts.tag) {
            try HubDownload(request, facts, folder, what: "\(file) of \(name)") { done in
                progress(HubProgress(file: file, done: done, total: facts.size))
            }.run()
        }
        try folder.link(file, commit, to: facts.tag)
    }
}

/// What the hub says of a revision.
struct HubListing {
    let commit: String
    let files: [String]
}
