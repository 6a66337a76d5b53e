import Foundation

/// An error of reading or writing arrays in files.
public enum LoadSaveError: Error, Sendable, Equatable {
    /// The file is missing or can't be read, and why.
    case unableToOpen(URL, String)
    /// The file name's extension names no format that this function knows.
    case unknownExtension(String)
    /// The file, or the data where there is no file, does not follow its format, and where not.
    case malformed(URL?, String)
    /// The arrays can't be written, and why; nothing has changed at the URL.
    case unableToSave(URL?, String)
}

extension LoadSaveError: CustomStringConvertible {
    /// The file and the reason in one line.
    public var description: String {
        switch self {
        case .unableToOpen(let url, let reason): "can't open \(name(url)): \(reason)"
        case .unknownExtension(let name):
            "unknown file extension \"\(name)\": \"npy\" holds one array, \"safetensors\", "
                + "\"npz\" and \"gguf\" several, \"mlxfn\" functions"
        case .malformed(let url, let reason): "\(name(url)) is malformed: \(reason)"
        case .unableToSave(let url, let reason): "can't save \(name(url)): \(reason)"
        }
    }

    private func name(_ url: URL?) -> String {
        guard let url else { return "the data" }
        return url.isFileURL ? url.path : url.absoluteString
    }
}

extension LoadSaveError: LocalizedError {
    /// The file and the reason in one line.
    public var errorDescription: String? { description }
}

extension MLXError: LocalizedError {
    /// The message alone.
    public var errorDescription: String? { description }
}

/// Why bytes do not follow their format.
struct Malformed: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// The system's words for the last call's failure.
func systemReason() -> String { String(cString: strerror(errno)) }
