import Foundation
import MLX
import Testing

/// The golden values that `scripts/fixtures.py` has written.
enum Fixtures {
    static func load<T: Decodable>(_ family: String, as type: T.Type) throws -> T {
        var folder = URL(filePath: #filePath)
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        let file = folder.appending(path: "Fixtures/\(family).json")
        return try JSONDecoder().decode(type, from: Data(contentsOf: file))
    }

    static func cases(_ family: String) throws -> [Fixture] { try load(family, as: [Fixture].self) }
}

/// One call in MLX: parameters, inputs, output, and gradients where there are some.
struct Fixture: Decodable {
    let operation: String
    let inputs: [Packed]?
    let output: Packed
    let cotangent: Packed?
    let gradients: [Packed]?

    let axes: [Int]?
    let stride: [Int]?
    let padding: [Int]?
    let dilation: [Int]?
    let groups: Int?

    let seed: String?
    let low: Double?
    let high: Double?
}

/// An array: its type, shape and little-endian bytes in hexadecimal.
struct Packed: Decodable {
    let dtype: String
    let shape: [Int]
    let bits: String

    func array() throws -> MLXArray {
        let dtype = try #require(DType(named: dtype))
        let digits = bits.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        let bytes = stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
        try #require(bytes.count == Spec(shape, dtype).byteCount)
        return makeArray(shape: shape, dtype: dtype) { $0.copyBytes(from: bytes) }
    }
}

extension DType {
    init?(named name: String) {
        guard let dtype = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = dtype
    }
}
