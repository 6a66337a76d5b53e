import Foundation

/// A folder of its own for one test, removed at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "mlx-train-launch-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static func / (folder: TemporaryFolder, name: String) -> String { "\(folder.path)/\(name)" }
}

/// What tests do with files.
enum Disk {
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    static func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path))
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    /// Appends text that has no line feed, as a writer leaves it that dies in the middle.
    static func append(_ text: String, to path: String) throws {
        var data = try bytes(path)
        data.append(contentsOf: text.utf8)
        try data.write(to: URL(fileURLWithPath: path))
    }

    static func copy(_ source: String, to target: String) throws {
        try FileManager.default.copyItem(atPath: source, toPath: target)
    }

    /// Changes one bit in the middle of a file.
    static func flipBit(in path: String) throws {
        var data = try bytes(path)
        data[data.count / 2] ^= 0x10
        try data.write(to: URL(fileURLWithPath: path))
    }

    /// Every file below a folder with its bytes, and the folders; empty where there is nothing.
    static func snapshot(_ folder: String) -> [String: Data] {
        guard let names = FileManager.default.enumerator(atPath: folder) else { return [:] }
        var found: [String: Data] = [:]
        for case let name as String in names {
            found[name] = (try? bytes("\(folder)/\(name)")) ?? Data()
        }
        return found
    }

    /// The names in a folder, sorted.
    static func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }
}
