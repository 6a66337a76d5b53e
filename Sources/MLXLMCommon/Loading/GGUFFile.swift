import Foundation
import MLX

/// The metadata of a GGUF file, and its tensors as they are stored.
///
/// `loadGGUF` of MLX unpacks all blocks; a language model keeps them packed.
public struct GGUFFile: Sendable {
    /// A tensor's name, its shape from the outermost axis to the innermost, and its bytes.
    package struct Entry: Sendable {
        package let name: String
        package let shape: [Int]
        package let type: GGUFTensorType
        let range: Range<Int>
    }

    /// What the file tells of itself, by key.
    public let metadata: [String: GGUFValue]
    package let entries: [Entry]
    private let file: MappedFile

    /// Reads the header of a file of version 2 or 3.
    ///
    /// Throws ``LanguageModelError`` for a file that is missing, cut off or something else.
    public init(url: URL) throws(LanguageModelError) {
        file = try MappedFile(url: url)
        var scanner = GGUFScanner(file.data, source: url.path)
        (metadata, entries) = try scanner.header()
    }

    /// The bytes of a tensor, one axis.
    package func bytes(of entry: Entry) -> MLXArray {
        file.array(entry.range, [entry.range.count], .uint8)
    }

    /// A tensor whose elements lie as an array's do; nil for blocks.
    func plain(_ entry: Entry) -> MLXArray? {
        let dtype: DType
        switch entry.type {
        case .f32: dtype = .float32
        case .f16: dtype = .float16
        case .bf16: dtype = .bfloat16
        case .f64: dtype = .float64
        case .i8: dtype = .int8
        case .i16: dtype = .int16
        case .i32: dtype = .int32
        case .i64: dtype = .int64
        default: return nil
        }
        return file.array(entry.range, entry.shape, dtype)
    }

    /// The name of the file, for messages.
    var source: String { file.url.path }
}

extension GGUFTensorType {
    /// The elements and bytes of a block.
    var blockSize: (elements: Int, bytes: Int) {
        switch self {
        case .q4_0: (32, 18)
        case .q4_1: (32, 20)
        case .q5_0: (32, 22)
        case .q5_1: (32, 24)
        case .q8_0: (32, 34)
        case .q2_k: (256, 84)
        case .q3_k: (256, 110)
        case .q4_k: (256, 144)
        case .q5_k: (256, 176)
        case .q6_k: (256, 210)
        case .f64, .i64: (1, 8)
        case .f32, .i32: (1, 4)
        case .f16, .bf16, .i16: (1, 2)
        case .i8: (1, 1)
        }
    }
}
