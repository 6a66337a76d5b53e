import Foundation

extension TrainConfig {
    /// The job of a JSON file.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - overrides: arguments of `--set`, each `key.path=value`; a value is read as JSON, else
    ///     as a string.
    /// - Throws: what is wrong, with the place in the file; nothing is guessed.
    public static func load(path: String, overrides: [String] = []) throws(ConfigError)
        -> TrainConfig
    {
        let bytes: [UInt8]
        do {
            bytes = try InputFile.contents(of: path)
        } catch {
            switch error {
            case .missing: throw .missingFile(path)
            case .notAFile(let kind): throw .unreadableFile(path, reason: "it is \(kind)")
            case .failed(let reason): throw .unreadableFile(path, reason: reason)
            }
        }
        let directory = (path as NSString).deletingLastPathComponent
        return try TrainConfig(
            bytes: bytes, file: path, baseDirectory: directory, overrides: overrides)
    }

    /// The job of a JSON text.
    ///
    /// - Parameters:
    ///   - json: the text.
    ///   - file: the name that errors give to the text, and the job's name if it has none.
    ///   - baseDirectory: the folder that relative paths start from; `nil`: the current one.
    ///   - overrides: arguments of `--set`, as for `load(path:overrides:)`.
    public init(
        json: String, file: String = "job.json", baseDirectory: String? = nil,
        overrides: [String] = []
    ) throws(ConfigError) {
        try self.init(
            bytes: Array(json.utf8), file: file, baseDirectory: baseDirectory ?? "",
            overrides: overrides)
    }

    private init(
        bytes: [UInt8], file: String, baseDirectory: String, overrides: [String]
    ) throws(ConfigError) {
        var tree = try JSONParser.parse(bytes, source: file)
        for text in overrides {
            try tree.apply(ConfigOverride(text))
        }
        let directory = PathRules.absolute(
            baseDirectory, from: FileManager.default.currentDirectoryPath)
        self = try ConfigDecoder(file: file, baseDirectory: directory).job(tree)
    }
}

/// What to do with relative paths.
enum PathRules {
    /// An absolute path without `.` and `..`, by the text alone: links are not followed.
    static func absolute(_ path: String, from directory: String) -> String {
        let full = path.hasPrefix("/") ? path : directory + "/" + path
        var parts: [Substring] = []
        for part in full.split(separator: "/") where part != "." {
            if part == ".." {
                _ = parts.popLast()
            } else {
                parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }
}
