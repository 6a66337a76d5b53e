import Foundation
import MLXLMCommon

/// Times a tokenizer on one thread: `tokenizer-bench TOKENIZER.json TEXT [REPEATS]`. Prints one JSON
/// line a case, as `peers/tokenizers_bench.py` does for the Python package.
@main
enum TokenizerBench {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 || arguments.count == 4 else {
            FileHandle.standardError.write(
                Data("usage: tokenizer-bench TOKENIZER.json TEXT [REPEATS]\n".utf8))
            exit(64)
        }
        let repeats = arguments.count == 4 ? Int(arguments[3]) ?? 5 : 5
        let file = URL(filePath: arguments[1])
        let text = String(
            decoding: try Data(contentsOf: URL(filePath: arguments[2])), as: UTF8.self)
        var tokenizer = try PreTrainedTokenizer(tokenizerFile: file)
        let load = try seconds(repeats) { tokenizer = try PreTrainedTokenizer(tokenizerFile: file) }
        print(line("load", load, "s", load))
        // Documents of a page or so, as a training job encodes them.
        let parts = documents(text)
        var ids: [[Int]] = []
        let encode = seconds(repeats) {
            ids = parts.map { tokenizer.encode(text: $0, addSpecialTokens: false) }
        }
        let megabytes = Double(text.utf8.count) / 1e6
        print(line("encode", encode, "MB/s", megabytes / encode))
        let decode = seconds(repeats) {
            for row in ids { _ = tokenizer.decode(tokenIds: row, skipSpecialTokens: false) }
        }
        print(line("decode", decode, "MB/s", megabytes / decode))
        let count = ids.reduce(0) { $0 + $1.count }
        let sum = ids.joined().reduce(UInt64(0)) { $0 &* 31 &+ UInt64($1) }
        print("{\"case\": \"ids\", \"peer\": \"mlx\", \"count\": \(count), \"sum\": \(sum)}")
    }

    private static func line(_ name: String, _ time: Double, _ metric: String, _ value: Double)
        -> String
    {
        "{\"case\": \"\(name)\", \"peer\": \"mlx\", \"median_s\": \(time), "
            + "\"metric\": \"\(metric)\", \"value\": \(value)}"
    }

    /// Whole lines, 4,000 bytes or a little more together.
    private static func documents(_ text: String) -> [String] {
        var documents: [String] = []
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            var end = min(start + 4000, bytes.count)
            while end < bytes.count, bytes[end - 1] != 0x0A { end += 1 }
            documents.append(String(decoding: bytes[start..<end], as: UTF8.self))
            start = end
        }
        return documents
    }

    /// The median time of a call, after one that doesn't count.
    private static func seconds(_ repeats: Int, _ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        try body()
        var times: [Double] = []
        for _ in 0..<max(repeats, 1) {
            let time = try clock.measure { try body() }
            times.append(
                Double(time.components.attoseconds) * 1e-18 + Double(time.components.seconds))
        }
        return times.sorted()[times.count / 2]
    }
}
