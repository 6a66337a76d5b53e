import Foundation
import MLX

/// What a folder or a file says of a model, before there is one.
public struct ModelParts {
    /// The keys of `config.json`.
    public var configuration: ConfigurationObject
    /// The weights by the names of their file.
    public var weights: [String: MLXArray]
    /// How the weights are packed; nil where they are not.
    public var quantization: ModelQuantization?
    /// The tokens that end an answer.
    public var endTokens: Set<Int>
    /// The folder or file.
    public let source: URL
    /// What a GGUF file tells of itself; nil for a folder.
    public var metadata: [String: GGUFValue]?

    /// Reads a folder as the hub of Hugging Face or MLX has it, or a GGUF file.
    ///
    /// Weights lie in the files' pages, which must not be written meanwhile. Throws
    /// ``LanguageModelError``.
    public init(url: URL) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            let fix = FetchedFiles.command(for: url.path).map { "run \($0)" }
            throw LanguageModelError.missing(
                "\(url.path) is missing: \(fix ?? "give the folder of a model, or a GGUF file")")
        }
        self = isFolder.boolValue ? try Self(folder: url) : try Self(gguf: url)
    }

    private init(folder: URL) throws {
        let file = folder.appending(path: "config.json")
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw LanguageModelError.missing(
                "\(file.path) is missing: a model's folder holds config.json and *.safetensors")
        }
        configuration = try ConfigurationObject(url: file)
        quantization = try ModelQuantization(configuration)
        weights = try WeightFiles.load(folder)
        endTokens = try Self.endTokens(configuration, folder)
        source = folder
    }

    init(
        configuration: ConfigurationObject, weights: [String: MLXArray],
        quantization: ModelQuantization?, endTokens: Set<Int>, source: URL,
        metadata: [String: GGUFValue]
    ) {
        (self.configuration, self.weights) = (configuration, weights)
        (self.quantization, self.endTokens) = (quantization, endTokens)
        (self.source, self.metadata) = (source, metadata)
    }

    /// `generation_config.json` goes before `config.json`; the part for text before the whole.
    private static func endTokens(
        _ config: ConfigurationObject, _ folder: URL
    ) throws -> Set<Int> {
        let key = "eos_token_id"
        let file = folder.appending(path: "generation_config.json")
        if FileManager.default.fileExists(atPath: file.path),
            let tokens = try ConfigurationObject(url: file).integers(key)
        {
            return Set(tokens)
        }
        let text = try config.object("text_config")
        return Set(try config.integers(key) ?? text?.integers(key) ?? [])
    }
}

/// The safetensors files of a folder.
enum WeightFiles {
    static let index = "model.safetensors.index.json"

    /// All arrays of the files that the index names, or of `model.safetensors` and its like.
    static func load(_ folder: URL) throws -> [String: MLXArray] {
        let index = folder.appending(path: index)
        if FileManager.default.fileExists(atPath: index.path) { return try load(index, folder) }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let files = names.filter { $0.hasPrefix("model") && $0.hasSuffix(".safetensors") }
        guard !files.isEmpty else {
            throw LanguageModelError.missing(
                "\(folder.path) holds no model*.safetensors: download the weights too")
        }
        var weights: [String: MLXArray] = [:]
        for file in files.sorted() {
            weights.merge(try arrays(folder.appending(path: file))) { first, _ in first }
        }
        return weights
    }

    private static func load(_ index: URL, _ folder: URL) throws -> [String: MLXArray] {
        let object = try ConfigurationObject(url: index)
        guard let map = try object.object("weight_map") else {
            throw object.refusal("weight_map", "an object of tensors and files")
        }
        var tensors: [String: [String]] = [:]
        for name in map.keys {
            guard let file = try map.text(name), !file.contains("/") else {
                throw map.refusal(name, "the name of a file in the same folder")
            }
            tensors[file, default: []].append(name)
        }
        var weights: [String: MLXArray] = [:]
        for (file, names) in tensors.sorted(by: { $0.key < $1.key }) {
            let url = folder.appending(path: file)
            guard FileManager.default.fileExists(atPath: url.path) else {
                throw LanguageModelError.missing(
                    "\(url.path) is missing: \(self.index) names it for \(names.count) tensors")
            }
            let arrays = try arrays(url)
            for name in names {
                guard let array = arrays[name] else {
                    throw LanguageModelError.malformed(
                        url.path, reason: "it lacks \(name), which \(self.index) promises")
                }
                weights[name] = array
            }
        }
        return weights
    }

    static func arrays(_ url: URL) throws -> [String: MLXArray] {
        do {
            return try loadArrays(url: url)
        } catch let error as LoadSaveError {
            throw LanguageModelError.malformed(url.path, reason: error.reason)
        }
    }
}

extension LoadSaveError {
    /// What is wrong, without the name of the file.
    var reason: String {
        switch self {
        case .malformed(_, let reason), .unableToOpen(_, let reason),
            .unableToSave(_, let reason):
            reason
        case .unknownExtension(let name): "the extension \(name) is unknown"
        }
    }
}
