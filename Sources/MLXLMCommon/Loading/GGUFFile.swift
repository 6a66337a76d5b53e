import Foundation
import MLX

/// The metadata of a GGUF file, and its tensors as they are stored.
///
/// `loadGGUF` of MLX unpacks all blocks; a language model keeps them packed.
public struct GGUFFile: Sendable {
    /// A tensor's name, its shape, its type and its place.
    package typealias Entry = GGUFHeader.Tensor

    /// What the file tells of itself, by key.
    public let metadata: [String: GGUFValue]
    package let entries: [Entry]
    private let file: MappedFile

    /// Reads the header of a file of version 2 or 3.
    ///
    /// Throws ``LanguageModelError`` for a file that is missing, cut off or something else.
    public init(url: URL) throws(LanguageModelError) {
        file = try MappedFile(url: url)
        do {
            let header = try GGUFHeader.read(file.data, url: url)
            (metadata, entries) = (header.metadata, header.tensors)
        } catch LoadSaveError.malformed(_, let reason) {
            throw .malformed(url.path, reason: reason)
        } catch {
            throw .malformed(url.path, reason: error.description)
        }
    }

    /// The bytes of a tensor, one axis.
    package func bytes(of entry: Entry) -> MLXArray {
        file.array(entry.range, [entry.range.count], .uint8)
    }

    /// A tensor whose elements lie as an array's do; nil for blocks.
    func plain(_ entry: Entry) -> MLXArray? {
        entry.type.dtype.map { file.array(entry.range, entry.shape, $0) }
    }

    /// The name of the file, for messages.
    var source: String { file.url.path }
}
