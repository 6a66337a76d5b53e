import Foundation

/// One call of `mlx-lm`.
struct LanguageModelCommand {
    /// The product, which the build puts beside the tests.
    static let program =
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "mlx-lm")

    let status: Int32
    let output: String
    let errors: String

    /// Runs the command to its end, in a folder, with text on its standard input.
    init(_ arguments: [String], in folder: URL, input: String = "") throws {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        process.currentDirectoryURL = folder
        // Files, so that no stream can fill up while nobody reads it.
        func stream(_ name: String, _ content: String = "") throws -> URL {
            let url = folder.appending(path: ".\(name)-\(UUID())")
            try Data(content.utf8).write(to: url)
            return url
        }
        let (inputs, outputs) = (try stream("input", input), try stream("output"))
        let complaints = try stream("errors")
        process.standardInput = try FileHandle(forReadingFrom: inputs)
        process.standardOutput = try FileHandle(forWritingTo: outputs)
        process.standardError = try FileHandle(forWritingTo: complaints)
        try process.run()
        process.waitUntilExit()
        status = process.terminationStatus
        output = String(decoding: try Data(contentsOf: outputs), as: UTF8.self)
        errors = String(decoding: try Data(contentsOf: complaints), as: UTF8.self)
        for url in [inputs, outputs, complaints] { try FileManager.default.removeItem(at: url) }
    }
}

extension TinyModel {
    /// A copy of the model's folder with a tokenizer whose tokens are single characters.
    static func withTokenizer(_ name: String, in folder: TemporaryFolder) throws -> URL {
        let copy = try folder.copy(of: Self.folder(of: name))
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,?!:01").map {
            String($0)
        }
        let tokens = ["<pad>", "<s>", "</s>", "Ġ", "Ċ"] + letters
        let vocabulary = tokens.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
        let added = tokens.prefix(3).enumerated().map {
            """
            {"id": \($0), "content": "\($1)", "special": true, "single_word": false, \
            "lstrip": false, "rstrip": false, "normalized": false}
            """
        }.joined(separator: ", ")
        let text = """
            {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [\(added)],
            "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
            "trim_offsets": true, "use_regex": true}, "post_processor": null,
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
            "use_regex": true}, "model": {"type": "BPE", "dropout": null, "unk_token": null,
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": false, "vocab": {\(vocabulary)}, "merges": []}}
            """
        try Data(text.utf8).write(to: copy.appending(path: "tokenizer.json"))
        let template = "{% for m in messages %}{{ m['content'] }}\\n{% endfor %}"
        let config = #"{"eos_token": "</s>", "chat_template": "\#(template)"}"#
        try Data(config.utf8).write(to: copy.appending(path: "tokenizer_config.json"))
        return copy
    }
}
