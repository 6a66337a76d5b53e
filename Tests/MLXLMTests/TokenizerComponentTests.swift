import Foundation
import MLXLMCommon
import Testing

@Suite("Normalizers and pre-tokenizers agree with `tokenizers`, one by one")
struct TokenizerComponentTests {
    /// A component's description and the digests of what it makes of the lines.
    private struct Row: Decodable {
        let spec: AnyJSON
        let texts: String
    }

    /// Any JSON, kept as the text that it came from.
    private struct AnyJSON: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let value = try Self.value(decoder.singleValueContainer())
            let data = try JSONSerialization.data(
                withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
            text = String(decoding: data, as: UTF8.self)
        }

        private static func value(_ container: any SingleValueDecodingContainer) throws -> Any {
            if container.decodeNil() { return NSNull() }
            if let flag = try? container.decode(Bool.self) { return flag }
            if let number = try? container.decode(Int.self) { return number }
            if let text = try? container.decode(String.self) { return text }
            if let items = try? container.decode([AnyJSON].self) {
                return try items.map {
                    try JSONSerialization.jsonObject(
                        with: Data($0.text.utf8), options: .fragmentsAllowed)
                }
            }
            return try container.decode([String: AnyJSON].self).mapValues {
                try JSONSerialization.jsonObject(
                    with: Data($0.text.utf8), options: .fragmentsAllowed)
            }
        }
    }

    private static func lines() throws -> [String] {
        let lines = try TokenizerFixtures.torture()
        return stride(from: 0, to: lines.count, by: 4).map { lines[$0] } + lines[1..<40]
    }

    private static func tokenizer(_ part: String, _ spec: String) throws -> PreTrainedTokenizer {
        let folder = try TokenizerTemporaryFolder()
        try folder.write(
            #"{"\#(part)": \#(spec), "model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}}"#,
            to: "tokenizer.json")
        return try PreTrainedTokenizer(directory: folder.url)
    }

    private static func check(
        _ file: String, _ part: String, _ make: (PreTrainedTokenizer, String) -> String
    ) throws {
        for row in try TokenizerFixtures.load(file, as: [Row].self) {
            let tokenizer = try tokenizer(part, row.spec.text)
            let digests = Digests(row.texts)
            var wrong: [String] = []
            for (index, line) in try lines().enumerated() {
                let made = make(tokenizer, line)
                if TokenizerFixtures.digest(made.utf8) != digests[index] {
                    wrong.append("\(index) \(line.debugDescription) -> \(made.debugDescription)")
                }
            }
            #expect(
                wrong.isEmpty,
                "\(row.spec.text.prefix(300)): \(wrong.count) lines differ: \(wrong.prefix(3))")
        }
    }

    @Test("Every normalizer makes the same text of 539 lines")
    func normalizers() throws {
        try Self.check("normalizers.json", "normalizer") { $0.normalized($1) }
    }

    @Test("Every pre-tokenizer cuts 539 lines alike, by hand-written loops and expressions")
    func preTokenizers() throws {
        try Self.check("pre-tokenizers.json", "pre_tokenizer") {
            $0.words($1).joined(separator: "\0")
        }
    }
}
