/// A file that a run reads, told apart from others by its bytes.
struct InputDigest {
    let path: String
    let bytes: Int
    let digest: String
    /// Whether the digest is that of all bytes.
    let isWhole: Bool

    /// Larger files are told apart by their size and their two ends.
    private static let wholeBytes = 1 << 30

    /// Reads a file; nil for what is none.
    init?(_ path: String) throws(FileFailure) {
        guard case .file(let bytes)? = try Files.kind(of: Files.resolved(path) ?? path) else {
            return nil
        }
        (self.path, self.bytes) = (path, bytes)
        isWhole = bytes <= Self.wholeBytes
        digest = try isWhole ? Digest.ofFile(path).sha256 : Digest.ofEnds(path, bytes: bytes)
    }

    /// The file in a run's manifest.
    var node: JSONNode {
        .object([
            ("path", .string(path)), ("bytes", .integer(bytes)),
            (isWhole ? "sha256" : "sha256_of_ends", .string(digest)),
        ])
    }
}

/// The files that make the model that a job begins with.
struct BaseModel {
    let files: [InputDigest]

    /// Reads a GGUF file, or the configuration and the weights of a folder.
    init(path: String) throws(FileFailure) {
        guard case .folder? = try Files.kind(of: Files.resolved(path) ?? path) else {
            files = try [InputDigest(path)].compactMap { $0 }
            return
        }
        var found: [InputDigest] = []
        for name in try Files.names(in: path).sorted()
        where name == "config.json" || name.hasSuffix(".safetensors") {
            if let file = try InputDigest("\(path)/\(name)") { found.append(file) }
        }
        files = found
    }

    /// One digest of all files, wherever they lie.
    var digest: String {
        let lines = files.map { "\($0.path.split(separator: "/").last ?? "") \($0.digest)\n" }
        return files.count == 1
            ? files[0].digest : Digest.hexadecimal(of: Array(lines.joined().utf8))
    }
}

extension TrainConfig {
    /// The model that the job begins with; nil where it begins with random weights.
    func baseModel() throws(FileFailure) -> BaseModel? {
        guard case .pretrained(let pretrained) = model else { return nil }
        return try BaseModel(path: pretrained.path)
    }
}
