import Glibc
import MLXTrain

/// A folder of its own for one test, removed at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/mlx-train-tests-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileFailure("create", "/tmp") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? Files.remove(path) }

    static func / (folder: TemporaryFolder, name: String) -> String { "\(folder.path)/\(name)" }
}
