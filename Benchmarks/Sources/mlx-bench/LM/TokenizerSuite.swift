import Foundation
import MLXLMCommon

/// A vocabulary read from its file, and a text of some megabytes encoded and decoded page by page, on
/// one thread.
enum TokenizerSuite {
    /// A folder with `text.txt` and a vocabulary a file, whose name is its word in the cases.
    static func cases(_ folder: URL) throws -> [Case] {
        let text = try Data(contentsOf: folder.appending(path: "text.txt"))
        let pages = pages(Array(text))
        return try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil
        )
        .filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        .flatMap { cases($0, pages, megabytes: Double(text.count) / 1e6) }
    }

    private static func cases(_ file: URL, _ pages: [String], megabytes: Double) -> [Case] {
        let label = file.deletingPathExtension().lastPathComponent
        let encoded = Encoded()
        func rate(_ kind: String, _ work: @escaping (PreTrainedTokenizer) -> Void) -> Case {
            Case(
                name: "tokenizer_\(kind)_\(label)", metric: "MB/s", value: { megabytes / $0 },
                notes: { [("ids", encoded.digest)] },
                make: { _ in
                    let tokenizer = try PreTrainedTokenizer(tokenizerFile: file)
                    encoded.rows = pages.map { tokenizer.encode(text: $0, addSpecialTokens: false) }
                    return { work(tokenizer) }
                })
        }
        let load = Case(
            name: "tokenizer_load_\(label)", metric: "s", value: { $0 },
            make: { _ in { _ = try PreTrainedTokenizer(tokenizerFile: file) } })
        let encode = rate("encode") { tokenizer in
            encoded.rows = pages.map { tokenizer.encode(text: $0, addSpecialTokens: false) }
        }
        let decode = rate("decode") { tokenizer in
            for row in encoded.rows {
                _ = tokenizer.decode(tokenIds: row, skipSpecialTokens: false)
            }
        }
        return [load, encode, decode]
    }

    /// The ids of all pages.
    private final class Encoded {
        var rows: [[Int]] = []

        /// A number that is the same where all ids are.
        var digest: Double {
            Double(rows.joined().reduce(UInt32(0)) { $0 &* 31 &+ UInt32(truncatingIfNeeded: $1) })
        }
    }

    /// Whole lines, 4,000 bytes or a little more together, as a training job encodes them.
    private static func pages(_ text: [UInt8]) -> [String] {
        var pages: [String] = []
        var start = 0
        while start < text.count {
            let least = min(start + 4000, text.count) - 1
            let end = text[least...].firstIndex(of: 0x0A).map { $0 + 1 } ?? text.count
            pages.append(String(decoding: text[start..<end], as: UTF8.self))
            start = end
        }
        return pages
    }
}
