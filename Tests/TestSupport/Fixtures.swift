import Foundation
import MLX

/// The golden values in Tests/Fixtures that the scripts `scripts/fixtures*.py` have written.
package enum Fixtures {
    /// A file's content, by its name without the extension.
    package static func load<T: Decodable>(_ family: String, as type: T.Type) throws -> T {
        var folder = URL(filePath: #filePath)
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        let file = folder.appending(path: "Fixtures/\(family).json")
        return try JSONDecoder().decode(type, from: Data(contentsOf: file))
    }
}

/// An array: its type, shape and little-endian bytes in hexadecimal.
package struct Packed: Decodable, Sendable {
    package let dtype: String
    package let shape: [Int]
    package let bits: String

    /// The array; throws where the bytes are not those of the type and the shape.
    package func array() throws -> MLXArray {
        guard let dtype = DType(named: dtype) else { throw Unreadable.type(dtype) }
        let digits = bits.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        let bytes = stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
        guard bytes.count == Spec(shape, dtype).byteCount else {
            throw Unreadable.size(bytes.count, shape)
        }
        return makeArray(shape: shape, dtype: dtype) { $0.copyBytes(from: bytes) }
    }

    private enum Unreadable: Error {
        case type(String)
        case size(Int, [Int])
    }
}

extension DType {
    /// The type with this name.
    package init?(named name: String) {
        guard let dtype = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = dtype
    }
}
