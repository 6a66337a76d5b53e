import CKernels
import Foundation

/// A value of a GGUF file's metadata.
public enum GGUFValue: Equatable, Sendable {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case float32(Float)
    case bool(Bool)
    case string(String)
    /// Values of one kind; an empty array is written as one of uint32.
    case array([GGUFValue])
    case uint64(UInt64)
    case int64(Int64)
    case float64(Double)
}

/// How a GGUF file stores the elements of a tensor.
///
/// The types with `q` hold blocks of 32 or, those with `k`, 256 elements along the last axis, each
/// with scales of its own; the number is that of bits an element.
public enum GGUFTensorType: Int32, CaseIterable, Sendable {
    case f32 = 0
    case f16 = 1
    case q4_0 = 2
    case q4_1 = 3
    case q5_0 = 6
    case q5_1 = 7
    case q8_0 = 8
    case q2_k = 10
    case q3_k = 11
    case q4_k = 12
    case q5_k = 13
    case q6_k = 14
    case i8 = 24
    case i16 = 25
    case i32 = 26
    case i64 = 27
    case f64 = 28
    case bf16 = 30

    /// The element type that has this memory layout; nil for blocks.
    package var dtype: DType? {
        switch self {
        case .f32: .float32
        case .f16: .float16
        case .i8: .int8
        case .i16: .int16
        case .i32: .int32
        case .i64: .int64
        case .f64: .float64
        case .bf16: .bfloat16
        default: nil
        }
    }

    /// The elements and the bytes of one block.
    package var block: (elements: Int, bytes: Int) {
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
        default: (1, dtype?.size ?? 1)
        }
    }

    /// The bytes of a tensor; nil where its rows are no whole blocks, or beyond integers.
    func byteCount(_ shape: [Int]) -> Int? {
        let (elements, bytes) = block
        guard (shape.last ?? 1) % elements == 0,
            let single = Spec(shape, .uint8).checkedByteCount
        else { return nil }
        let (result, overflow) = (single / elements).multipliedReportingOverflow(by: bytes)
        return overflow ? nil : result
    }
}

/// The metadata of a GGUF file, and where its tensors lie as they are stored.
package struct GGUFHeader: Sendable {
    /// A tensor's name, its shape from the outermost axis to the innermost, and its place.
    package struct Tensor: Sendable {
        package let name: String
        package let shape: [Int]
        package let type: GGUFTensorType
        /// Its bytes, counted from the beginning of the file.
        package let range: Range<Int>
    }

    package let metadata: [String: GGUFValue]
    package let tensors: [Tensor]

    /// The header of a file of version 2 or 3, whose bytes are at hand.
    package static func read(_ data: Data, url: URL) throws(LoadSaveError) -> GGUFHeader {
        let result = data.withUnsafeBytes { bytes in
            Result { () throws(Malformed) in try GGUFReader.header(bytes) }
        }
        do {
            return try result.get()
        } catch {
            throw .malformed(url, error.reason)
        }
    }
}

/// The layout: magic, version, counts, metadata, the tensors' names, shapes, types and places, and
/// the tensors' bytes, each from a multiple of the alignment on; all little-endian.
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
enum GGUF {
    static let magic: UInt32 = 0x4655_4747
    static let alignmentKey = "general.alignment"
    static let defaultAlignment = 32
    /// The most axes that the format's readers take.
    static let mostAxes = 4

    /// The number of a value's kind in the format.
    static func code(_ value: GGUFValue) -> UInt32 {
        switch value {
        case .uint8: 0
        case .int8: 1
        case .uint16: 2
        case .int16: 3
        case .uint32: 4
        case .int32: 5
        case .float32: 6
        case .bool: 7
        case .string: 8
        case .array: 9
        case .uint64: 10
        case .int64: 11
        case .float64: 12
        }
    }
}

/// Reads named arrays and metadata from a GGUF file, of version 2 or 3.
///
/// Tensors of blocks are dequantized: to float16 unless another floating-point type is asked for.
/// Other large tensors lie in the file's pages without a copy: another file may take the name
/// meanwhile, but the file itself must not be written or cut. Throws ``LoadSaveError``.
public func loadGGUF(
    url: URL, dequantizedTo dtype: DType = .float16
) throws -> (arrays: [String: MLXArray], metadata: [String: GGUFValue]) {
    let file = try FileBytes(url: url)
    do {
        let source = ArraySource(bytes: file.bytes, file: file)
        return try GGUFReader.read(source, dequantizedTo: dtype)
    } catch {
        throw LoadSaveError.malformed(url, error.reason)
    }
}

/// Writes named arrays and metadata as a GGUF file of version 3.
///
/// The file is replaced in one step: readers see the old bytes or all of the new ones. The same
/// arrays, metadata and types give the same bytes. Throws ``LoadSaveError``, and ``MLXError`` where
/// an array can't be computed.
///
/// - Parameters:
///   - types: how to store some arrays; without a word an array keeps its element type. Blocks are
///     written of the types `q4_0` to `q8_0`, where the last axis is a multiple of 32.
public func saveGGUF(
    arrays: [String: MLXArray], metadata: [String: GGUFValue] = [:],
    types: [String: GGUFTensorType] = [:], url: URL
) throws {
    let writer: GGUFWriter
    do {
        writer = try GGUFWriter(arrays, metadata, types)
    } catch {
        throw LoadSaveError.unableToSave(url, error.reason)
    }
    try Evaluate.run(arrays.values.map(\.value.node))
    try AtomicFile.write(to: url, writer.write)
}
