import Foundation
import MLXTrain
import Testing

@Suite("Records of JSON Lines")
struct DataJSONLinesTests {
    let folder: DataFolder

    init() throws {
        folder = try DataFolder()
    }

    private func lines(_ text: String, _ more: String...) throws -> JSONLines {
        let paths = try ([text] + more).enumerated().map {
            try folder.write("\($0.offset).jsonl", Array($0.element.utf8))
        }
        return try JSONLines(paths: paths)
    }

    /// The text and line of each record.
    private func records(_ lines: JSONLines) throws -> [String] {
        try (0..<lines.count).map {
            let record = try lines.record($0)
            #expect(record.place == lines.place(of: $0))
            return "\(record.line) \(String(decoding: record.bytes, as: UTF8.self))"
        }
    }

    private func refusal(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch let error as DataError {
            return "\(error) [\(error.exitStatus)]".replacing(folder.path + "/", with: "")
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        ("{\"a\": 1}\n[2]\n3\n", ["1 {\"a\": 1}", "2 [2]", "3 3"]),
        ("1\n2", ["1 1", "2 2"]),
        ("1\r\n2\r\n", ["1 1", "2 2"]),
        ("\n\r\n 1 \n\n\t\n\n2\n \n\n", ["3  1", "7 2"]),
        ("\u{FEFF}1\n2\n", ["1 1", "2 2"]),
        ("\"ä\u{2028}\u{85}\u{0B}\"\n\"𝄞\"", ["1 \"ä\u{2028}\u{85}\u{0B}\"", "2 \"𝄞\""]),
        ("x", ["1 x"]),
    ])
    func `are the lines that are not blank`(text: String, expected: [String]) throws {
        #expect(try records(lines(text)) == expected)
    }

    @Test func `of several files follow each other, also after empty ones`() throws {
        let lines = try lines("", "1\n2\n", "\n\n", "", "3", "")
        #expect(try records(lines) == ["1 1", "2 2", "1 3"])
        #expect(lines.place(of: 2) == "\(folder.path)/4.jsonl:1")
    }

    @Test func `are found in any order, whatever their lengths and the blank lines between`()
        throws
    {
        var random = SplitMix64(seed: 3, stream: 0)
        var (text, expected, number) = ("", [String](), 1)
        for record in 0..<1000 {
            let length = Int(random.next(below: record % 50 == 0 ? 70_000 : 200))
            let word = String(repeating: "abc", count: length) + "\(record)"
            expected.append("\(number) \(word)")
            let blanks = Int(random.next(below: 4)) / 3 * Int(random.next(below: 300))
            text += word + "\n" + String(repeating: "\n", count: blanks)
            number += 1 + blanks
        }
        #expect(text.utf8.count > 2 << 20, "more than a chunk is read")
        let lines = try lines(text)
        #expect(lines.count == 1000)
        for record in Permutation.of(1000, seed: 1, stream: 1) {
            let found = try lines.record(record)
            let text = String(decoding: found.bytes, as: UTF8.self)
            try #require("\(found.line) \(text)" == expected[record])
        }
    }

    @Test func `are read as far as they go, wherever a file is cut`() throws {
        let text = "{\"a\":\"x\"}\r\n\n[1,2]\n"
        for cut in 1...text.utf8.count {
            let part = String(decoding: text.utf8.prefix(cut), as: UTF8.self)
            let expected = part.split(whereSeparator: \.isNewline)
                .enumerated().map { "\($0.offset * 2 + 1) \($0.element)" }
            #expect(try records(lines(part)) == expected)
        }
    }

    @Test func `have values that know their place`() throws {
        let lines = try lines("\n{\"text\": \"a\", \"n\": [1, true]}\n")
        let value = try lines.record(0).value()
        let text = try #require(value["text"])
        #expect(text.place.description == "\(folder.path)/0.jsonl:2:10")
        guard case .string("a") = text.value else {
            Issue.record("\(text)")
            return
        }
    }

    @Test func `that are wrong are named by file and line`() throws {
        let lines = try lines("1\n\n{\"a\" 1}\n", "{} {}\n{\"a\": 1, \"a\": 2}\n")
        #expect(
            refusal { _ = try lines.record(1).value() }
                == "0.jsonl:3:6: not valid JSON: expected ':' after the key, found '1' [65]")
        #expect(
            refusal { _ = try lines.record(2).value() }
                == "1.jsonl:1:4: not valid JSON: expected nothing after the value [65]")
        #expect(
            refusal { _ = try lines.record(3).value() }
                == "1.jsonl:2:10: a is given twice; keep one [65]")
        let path = try folder.write("b.jsonl", Array("1\n\"".utf8) + [0xC3, 0x28, 0x22])
        #expect(
            refusal { _ = try JSONLines(paths: [path]).record(1) }
                == "b.jsonl:2: the text is not UTF-8; convert it [65]")
    }

    @Test func `are wanted in files that can be read at any place`() throws {
        #expect(refusal { _ = try lines("\n", "") } == "0.jsonl: the file holds no samples [65]")
        let path = try folder.write("c.jsonl", DataBytes.gzip([0x31]))
        #expect(
            refusal { _ = try JSONLines(paths: [path]) }
                == "c.jsonl: the file is compressed by gzip and is read at any place;"
                + " unpack it by gunzip [65]")
        #expect(
            refusal { _ = try JSONLines(paths: ["\(folder.path)/none"]) }?
                .hasPrefix("none: no such file") == true)
        #expect(
            refusal { _ = try JSONLines(paths: [folder.path]) }?
                .hasSuffix("is a directory, and data are read from regular files [66]") == true)
        let good = try folder.write("g.jsonl", [0x31])
        #expect(
            refusal { _ = try JSONLines(paths: [good], isStopped: { true }) }?
                .hasSuffix("because the run was asked to stop [75]") == true)
    }

    @Test func `of a file that is cut or written to are refused`() throws {
        let path = try folder.write("d.jsonl", Array("1\n2\n3\n".utf8))
        func changed(_ change: () throws -> Void) throws -> String? {
            try folder.write("d.jsonl", Array("1\n2\n3\n".utf8))
            // Clocks of file systems tick slowly.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1e9)], ofItemAtPath: path)
            let lines = try JSONLines(paths: [path])
            _ = try lines.record(2)
            try change()
            return refusal { _ = try lines.record(2) }
        }
        let advice = "; give the run a copy that nobody changes [65]"
        #expect(
            try changed { truncate(path, 1) }
                == "d.jsonl: the file changed while the run read it (6 bytes became 1)" + advice)
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        #expect(
            try changed {
                try handle.seekToEnd()
                try handle.write(contentsOf: [0x34])
            }?.contains("(6 bytes became 7)") == true)
        #expect(
            try changed {
                try handle.seek(toOffset: 0)
                try handle.write(contentsOf: [0x39])
            }?.contains("(it was written to)") == true)
    }

    @Test func `of more files than are kept open are read`() throws {
        let paths = try (0..<200).map { try folder.write("\($0)", Array("\($0)\n".utf8)) }
        let lines = try JSONLines(paths: paths)
        for record in Permutation.of(200, seed: 2, stream: 1) {
            #expect(try lines.record(record).bytes == Array("\(record)".utf8))
        }
    }
}
