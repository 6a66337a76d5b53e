/// The list of a checkpoint's files with their sizes and digests, and a digest of itself.
///
/// The last member of the JSON text is `digest`: the SHA-256 of all bytes of the text except the
/// 64 digits of that digest, so that no byte of the manifest can change unseen.
package struct Manifest: Equatable, Sendable {
    /// One file of a checkpoint.
    package struct File: Equatable, Sendable {
        package let name: String
        package let bytes: Int
        package let sha256: String

        package init(name: String, bytes: Int, sha256: String) {
            self.name = name
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// The name of the manifest in a checkpoint's folder.
    package static let name = "manifest.json"
    /// The version of the format that this code writes and reads.
    package static let format = 1

    package let step: Int
    package let files: [File]

    package init(step: Int, files: [File]) {
        self.step = step
        self.files = files
    }

    private static let opening = "  \"digest\": \""
    private static let closing = "\"\n}\n"
    private static let digits = 64

    /// The manifest as JSON text, its own digest last.
    package var text: String {
        let lines = files.map { file in
            "    {\"name\": \(JSONNode.quoted(file.name)), \"bytes\": \(file.bytes), "
                + "\"sha256\": \"\(file.sha256)\"}"
        }
        let head = """
            {
              "format": \(Manifest.format),
              "step": \(step),
              "files": [
            \(lines.joined(separator: ",\n"))
              ],

            """
        let prefix = head + Manifest.opening
        let digest = Digest.hexadecimal(of: Array((prefix + Manifest.closing).utf8))
        return prefix + digest + Manifest.closing
    }

    /// Reads a manifest and checks its own digest; the error says why it is refused.
    package init(text bytes: [UInt8]) throws(RefusalReason) {
        let closing = Array(Manifest.closing.utf8)
        let opening = Array(Manifest.opening.utf8)
        let tail = Manifest.digits + closing.count
        guard bytes.count > tail + opening.count, bytes.suffix(closing.count) == closing[...] else {
            throw RefusalReason("is cut off or is no manifest (\(bytes.count) bytes)")
        }
        let prefix = bytes.dropLast(tail)
        guard prefix.suffix(opening.count) == opening[...] else {
            throw RefusalReason("does not end with its own digest")
        }
        let stated = bytes.dropLast(closing.count).suffix(Manifest.digits)
        let found = Digest.hexadecimal(of: Array(prefix) + closing)
        guard Array(stated) == Array(found.utf8) else {
            throw RefusalReason("its own digest is wrong: its bytes changed after it was written")
        }
        guard let content = try? JSONParser.parse(bytes, source: Manifest.name),
            let format = content["format"]?.integerValue
        else { throw RefusalReason("is no manifest of this format") }
        guard format == Manifest.format else {
            throw RefusalReason(
                "has format \(format); this version reads format \(Manifest.format)")
        }
        guard let step = content["step"]?.integerValue,
            let entries = content["files"]?.elements
        else { throw RefusalReason("is no manifest of this format") }
        self.init(step: step, files: try entries.map(Manifest.file))
    }

    private static func file(_ entry: JSONNode) throws(RefusalReason) -> File {
        guard let name = entry["name"]?.stringValue, let bytes = entry["bytes"]?.integerValue,
            let sha256 = entry["sha256"]?.stringValue
        else { throw RefusalReason("lists a file without name, bytes and sha256") }
        return File(name: name, bytes: bytes, sha256: sha256)
    }
}

/// Why a file of a checkpoint is refused, as the end of a sentence that begins with its name.
package struct RefusalReason: Error, Equatable, Sendable {
    package let words: String

    package init(_ words: String) { self.words = words }
}
