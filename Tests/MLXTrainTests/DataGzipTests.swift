import Foundation
import MLXTrain
import Testing

@Suite("Compressed data files")
struct DataGzipTests {
    let folder: DataFolder
    /// 300 kB, more than one chunk of input and of output.
    static let rows = (0..<30_000).map { "\($0),\($0 % 7)" }.joined(separator: "\n") + "\n"

    init() throws {
        folder = try DataFolder()
    }

    @Test func `a compressed file reads like the plain one`() throws {
        let plain = try folder.load(bytes: Array(Self.rows.utf8)).train
        let bytes = DataBytes.gzip(Array(Self.rows.utf8))
        for name in ["t.csv.gz", "t.csv"] {
            #expect(try folder.load(bytes: bytes, name: name).train.all == plain.all)
        }
        #expect(plain.count == 30_000)
        #expect(try plain.features.last == 29_999)
    }

    @Test func `several streams in one file, and zeros behind them, are one text`() throws {
        let both = DataBytes.gzip(Array("1,a\n2,".utf8)) + DataBytes.gzip(Array("b\n".utf8))
        let data = try folder.load(bytes: both + [0, 0, 0], name: "t.csv.gz").train
        #expect(try data.features == [1, 2])
        #expect(data.classNames == ["a", "b"])
    }

    @Test func `a file cut anywhere is said to be truncated`() throws {
        let bytes = DataBytes.gzip(Array("1,a\n2,b\n".utf8))
        for count in 0..<bytes.count {
            let words = try folder.refusal(bytes: Array(bytes.prefix(count)), name: "t.csv.gz")
            #expect(
                words == "t.csv.gz: the compressed file is truncated; fetch it again [65]",
                "cut to \(count) bytes")
        }
    }

    @Test func `a large file cut in the middle is said to be truncated`() throws {
        let bytes = try Data(
            contentsOf: URL(fileURLWithPath: "\(TestJob.folder)/data/digits.csv.gz"))
        for count in [20_000, 57_000, bytes.count - 1, bytes.count - 8] {
            let words = try folder.refusal(bytes: Array(bytes.prefix(count)), name: "d.csv.gz")
            #expect(words?.contains("truncated") == true, "cut to \(count) bytes: \(words ?? "")")
        }
    }

    @Test func `a flipped bit is said to be corruption`() throws {
        var bytes = DataBytes.gzip(Array("1,a\n2,b\n".utf8))
        bytes[17] ^= 1
        #expect(
            try folder.refusal(bytes: bytes, name: "t.csv.gz")
                == "t.csv.gz: the compressed file is corrupt (incorrect data check);"
                + " fetch it again [65]")
    }

    @Test func `a file named gz must be one, and hold nothing else`() throws {
        let plain = try folder.refusal(bytes: Array("1,a\n2,b\n".utf8), name: "t.csv.gz")
        #expect(plain?.contains("corrupt (the file is not in gzip format)") == true)
        let more = DataBytes.gzip(Array("1,a\n2,b\n".utf8)) + Array("more".utf8)
        let words = try folder.refusal(bytes: more, name: "t.csv.gz")
        #expect(words?.contains("corrupt (other bytes follow the compressed data)") == true)
    }

    @Test func `an empty compressed file holds no samples`() throws {
        let words = try folder.refusal(bytes: DataBytes.gzip([]), name: "t.csv.gz")
        #expect(words == "t.csv.gz: the file holds no samples [65]")
    }
}
