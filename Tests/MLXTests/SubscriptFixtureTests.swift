import MLX
import TestSupport
import Testing

/// A random subscript with what numpy gives, as `scripts/fixtures_subscript.py` has written it.
private struct SubscriptFixture: Decodable, CustomStringConvertible {
    /// One index; only one of the properties is there, beside the shape.
    struct Index: Decodable {
        let integer: Int?
        let range: [Int32?]?
        let newAxis: Bool?
        let ellipsis: Bool?
        let shape: [Int]?
        let array: [Int]?
        let mask: [Bool]?

        func index(_ type: DType) throws -> any MLXArrayIndex {
            if let integer { return integer }
            if let range { return MLXSlice(start: range[0], end: range[1], stride: range[2]) }
            if newAxis == true { return MLXNewAxisIndex.newAxis }
            if ellipsis == true { return MLXEllipsisIndex.ellipsis }
            let shape = try #require(shape)
            if let mask { return MLXArray(mask, shape) }
            return MLXArray(try #require(array), shape).asType(type)
        }
    }

    struct Numbers: Decodable {
        let shape: [Int]
        let array: [Int]

        var value: MLXArray { MLXArray(array, shape) }
    }

    let shape: [Int]
    let indices: [Index]
    let picked: Numbers
    let operation: String
    let values: Numbers
    let changed: [Int]

    var description: String { "\(operation) of \(shape) by \(indices)" }
}

@Suite("A subscript")
struct SubscriptFixtureTests {
    @Test("of any form picks what numpy picks", arguments: [DType.int32, .int64])
    func get(_ type: DType) throws {
        let fixtures = try Fixtures.load("subscript", as: [SubscriptFixture].self)
        #expect(fixtures.count > 500)
        for fixture in fixtures {
            let indices = try fixture.indices.map { try $0.index(type) }
            for array in arrays(fixture) {
                report(fixture, array[indices], fixture.picked.value)
            }
        }
    }

    @Test("of any form changes what numpy changes")
    func set() throws {
        for fixture in try Fixtures.load("subscript", as: [SubscriptFixture].self) {
            let indices = try fixture.indices.map { try $0.index(.int32) }
            let values = fixture.values.value
            for array in arrays(fixture) {
                let result: MLXArray
                switch fixture.operation {
                case "add": result = array.at[indices].add(values)
                case "multiply": result = array.at[indices].multiply(values)
                case "minimum": result = array.at[indices].minimum(values)
                case "maximum": result = array.at[indices].maximum(values)
                default:
                    array[indices] = values
                    result = array
                }
                report(fixture, result, MLXArray(fixture.changed, fixture.shape))
            }
        }
    }

    @Test("of any form has the gradient that puts back what it took")
    func gradient() throws {
        for fixture in try Fixtures.load("subscript", as: [SubscriptFixture].self) {
            let indices = try fixture.indices.map { try $0.index(.int32) }
            let array = arrays(fixture)[0].asType(.float32)
            let found = grad { (x: MLXArray) in (x[indices] * x[indices]).sum() }(array)
            var expected = [Double](repeating: 0, count: array.size)
            for place in fixture.picked.array { expected[place] += 2 * Double(place) }
            if let difference = difference(found, expected, .of(.float32)) {
                Issue.record("\(fixture): \(difference)")
            }
        }
    }

    /// The array of a fixture, as it is and lying otherwise in memory.
    private func arrays(_ fixture: SubscriptFixture) -> [MLXArray] {
        let plain = arange(fixture.shape.reduce(1, *)).reshaped(fixture.shape)
        return [plain, Arrangement.transposed(plain), Arrangement.strided(plain)]
    }

    private func report(_ fixture: SubscriptFixture, _ found: MLXArray, _ expected: MLXArray) {
        if let difference = bitDifference(found, expected) {
            Issue.record("\(fixture): \(difference)")
        }
    }
}
