import Foundation
import MLXTrain

/// A folder for one test's data files, removed with it.
final class DataFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("mlx-train-data-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file and gives its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    /// The split of a CSV file of `text`, with keys of the section `data`.
    func load(
        _ text: String, name: String = "t.csv", _ keys: String...
    ) throws -> DataSplit {
        try load(bytes: Array(text.utf8), name: name, keys)
    }

    func load(bytes: [UInt8], name: String = "t.csv", _ keys: [String] = []) throws -> DataSplit {
        try write(name, bytes)
        let overrides = ["data.path=\(name)", "data.test_fraction=0"] + keys.map { "data.\($0)" }
        let job = try TrainConfig(
            json: TestJob.minimal, baseDirectory: path, overrides: overrides)
        return try DataSplit.load(job.data, seed: job.seed)
    }

    /// What is said of a CSV file that is refused, without the folder; `nil` if it is not.
    func refusal(bytes: [UInt8], name: String = "t.csv", _ keys: [String] = []) throws -> String? {
        do {
            _ = try load(bytes: bytes, name: name, keys)
            return nil
        } catch let error as DataError {
            return "\(error) [\(error.exitStatus)]".replacing(path + "/", with: "")
        }
    }

    func refusal(_ text: String, _ keys: String...) throws -> String? {
        try refusal(bytes: Array(text.utf8), keys)
    }
}

extension ClassificationDataset {
    /// All samples.
    var all: MicroBatch { get throws { try gather(Array(0..<count)) } }
    var features: [Float] { get throws { try all.features } }
    var labels: [Int32] { get throws { try all.labels } }
}

/// Makes files of the formats that datasets come in.
enum DataBytes {
    /// A gzip stream of `bytes`, stored without compression (RFC 1951, 1952).
    static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        var rest = bytes[...]
        repeat {
            let block = rest.prefix(65_535)
            rest = rest.dropFirst(block.count)
            let size = UInt16(block.count)
            result += [rest.isEmpty ? 1 : 0]
            result += little(UInt32(size), 2) + little(UInt32(~size), 2) + block
        } while !rest.isEmpty
        return result + little(checksum(bytes), 4) + little(UInt32(bytes.count), 4)
    }

    /// An IDX file: the magic number and sizes, then the data.
    static func idx(_ magic: UInt32, _ sizes: [UInt32], _ data: [UInt8]) -> [UInt8] {
        ([magic] + sizes).flatMap { Array(little($0, 4).reversed()) } + data
    }

    /// Numbers of `size` bytes, the lowest first.
    static func words(_ numbers: [Int], _ size: Int) -> [UInt8] {
        numbers.flatMap { number in
            (0..<size).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
    }

    /// A file of numpy's format, version 1.
    static func npy(_ type: String, _ shape: [Int], _ data: [UInt8]) -> [UInt8] {
        let sizes = shape.map { "\($0), " }.joined()
        let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
        let line = text + String(repeating: " ", count: 117 - text.count) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(line.utf8) + data
    }

    private static func little(_ value: UInt32, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }

    /// CRC-32 as gzip has it.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~sum
    }
}
