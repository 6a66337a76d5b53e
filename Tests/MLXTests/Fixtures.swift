import MLX
import TestSupport

typealias Fixtures = TestSupport.Fixtures
typealias Packed = TestSupport.Packed

extension Fixtures {
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
