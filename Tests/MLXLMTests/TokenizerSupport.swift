import Foundation
import MLXLMCommon
import Testing

/// The files that scripts/fixtures_tokenizers.py has written.
enum TokenizerFixtures {
    static var folder: URL {
        var folder = URL(filePath: #filePath)
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        return folder.appending(path: "Fixtures/tokenizers")
    }

    static func load<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: name)))
    }

    /// Lines of many scripts, with emoji, code and white space.
    static func torture() throws -> [String] { try load("torture.json", as: [String].self) }

    /// FNV-1a, folded to 32 bits, in hexadecimal.
    static func digest(_ bytes: some Sequence<UInt8>) -> String {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let folded = UInt32(truncatingIfNeeded: state ^ (state >> 32))
        let text = String(folded, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }

    static func bytes(_ ids: [Int]) -> [UInt8] {
        ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> ($0 * 8)) } }
    }

    /// The digest of a line in a fixture's text of digests.
    static func entry(_ digests: String, _ index: Int) -> String {
        let bytes = Array(digests.utf8)[index * 8..<index * 8 + 8]
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What a package made of the torture lines.
struct ExpectedTokens: Decodable {
    let ids: String
    let texts: String
    let bare: String?
    let first: [[Int]]
    let gguf: GGUFTable?

    struct GGUFTable: Decodable {
        let tokens: [String]
        let scores: [Float]
        let token_type: [Int32]
    }

    static func load(_ name: String) throws -> ExpectedTokens {
        try TokenizerFixtures.load("\(name).expected.json", as: ExpectedTokens.self)
    }

    /// Holds ids and texts of all lines against the digests.
    func check(
        _ tokenizer: PreTrainedTokenizer, _ lines: [String], addsSpecial: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var wrong: [Int] = []
        let idDigests = Digests(ids)
        let textDigests = Digests(texts)
        for (index, row) in first.enumerated() {
            let line = lines[9 + index * 5]
            let got = tokenizer.encode(text: line, addSpecialTokens: addsSpecial)
            #expect(got == row, "\(line)", sourceLocation: sourceLocation)
        }
        for (index, line) in lines.enumerated() {
            let got = tokenizer.encode(text: line, addSpecialTokens: addsSpecial)
            let text = tokenizer.decode(tokenIds: got)
            let isSame =
                TokenizerFixtures.digest(TokenizerFixtures.bytes(got)) == idDigests[index]
                && TokenizerFixtures.digest(text.utf8) == textDigests[index]
            if !isSame { wrong.append(index) }
        }
        let examples = wrong.prefix(5).map { "\($0): \(lines[$0].debugDescription)" }
        #expect(
            wrong.isEmpty, "\(wrong.count) lines differ: \(examples)",
            sourceLocation: sourceLocation)
    }
}

/// A text of digests, eight characters each.
struct Digests {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    var count: Int { bytes.count / 8 }

    subscript(index: Int) -> String {
        String(decoding: bytes[index * 8..<index * 8 + 8], as: UTF8.self)
    }
}

/// A folder of its own for one test, removed at the end.
final class TokenizerTemporaryFolder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appending(path: "mlx-tokenizer-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: url.appending(path: name))
    }
}
