import Foundation

/// A new folder that goes with the value.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "mlx-lm-\(UUID())")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// A copy of a folder in this one.
    func copy(of folder: URL) throws -> URL {
        let copy = url.appending(path: folder.lastPathComponent)
        try FileManager.default.copyItem(at: folder, to: copy)
        return copy
    }
}
