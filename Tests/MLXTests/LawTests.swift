import Foundation
import MLX
import TestSupport
import Testing

/// What holds for every primitive.
@Suite("Every primitive")
struct LawTests {
    @Test("has a row in the table of cases")
    func completeness() throws {
        let declared = try PrimitiveSources.types()
        let covered = Set(PrimitiveCase.rows.map(\.primitive))
        #expect(declared.count > 60)
        #expect(declared.subtracting(covered) == [], "primitives without a row")
        #expect(covered.subtracting(declared) == [], "rows without a primitive")
    }

    @Test("gives as many bytes as its shape rule says", arguments: PrimitiveCase.rows)
    func shapes(_ row: PrimitiveCase) {
        for dtype in [DType.float32, .float64, .float16, .bfloat16] {
            let result = row.function(row.arrays(dtype))
            let promised = (result.shape, result.dtype)
            #expect(bits(result).count == result.nbytes)
            #expect(result.shape == promised.0 && result.dtype == promised.1)
        }
    }

    @Test("gives the same for inputs that lie otherwise in memory", arguments: PrimitiveCase.rows)
    func arrangements(_ row: PrimitiveCase) {
        let plain = row.arrays(.float32)
        let expected = row.function(plain)
        for arrangement in Arrangement.allCases {
            for moved in [Array(plain.indices)] + plain.indices.map({ [$0] }) {
                let inputs = plain.indices.map {
                    moved.contains($0) ? arrangement(plain[$0]) : plain[$0]
                }
                let result = row.function(inputs)
                let comment: Comment = "\(arrangement.rawValue) inputs \(moved)"
                if row.isElementwise {
                    #expect(bitDifference(result, expected) == nil, comment)
                } else {
                    #expect(difference(result, expected) == nil, comment)
                }
            }
        }
    }

    @Test(
        "gives the same for large inputs that lie otherwise in memory",
        arguments: PrimitiveCase.rows)
    func largeArrangements(_ row: PrimitiveCase) {
        let plain = row.arrays(.float32, row.large)
        let expected = row.function(plain)
        for arrangement in Arrangement.allCases {
            let result = row.function(plain.map { arrangement($0) })
            let tolerance = row.isElementwise ? .exact : Tolerance.of(result.dtype).times(4)
            #expect(difference(result, expected, tolerance) == nil, "\(arrangement.rawValue)")
        }
    }

    @Test(
        "gives the same for broadcast inputs as for copies of them", arguments: PrimitiveCase.rows)
    func broadcasts(_ row: PrimitiveCase) {
        let plain = row.arrays(.float32)
        for index in plain.indices {
            for axis in 0..<plain[index].ndim {
                var inputs = plain
                let first = split(plain[index], indices: [1], axis: axis)[0]
                inputs[index] = broadcast(first, to: plain[index].shape)
                let result = row.function(inputs)
                inputs[index] = copied(inputs[index])
                let expected = row.function(inputs)
                #expect(difference(result, expected) == nil, "input \(index), axis \(axis)")
            }
        }
    }

    @Test(
        "computes half types as float32 and rounds the result", arguments: PrimitiveCase.rows,
        [DType.float16, .bfloat16])
    func halves(_ row: PrimitiveCase, _ half: DType) {
        let narrow = row.arrays(half)
        let wide = narrow.map { $0.dtype == half ? $0.asType(.float32) : $0 }
        let result = row.function(narrow)
        let expected = row.function(wide)
        let isCast = row.primitive == "AsType"
        #expect(result.dtype == (expected.dtype == .float32 && !isCast ? half : expected.dtype))
        #expect(difference(result, numbers(expected), .of(result.dtype)) == nil)
    }

    @Test("never changes an array that is still held", arguments: PrimitiveCase.rows)
    func donation(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float32)
        let before = inputs.map { bits($0) }
        // Zero added changes no number but makes new memory, of which the second lot is let go.
        let held = inputs.map { $0.dtype == .float32 ? $0 + 0 : $0 }
        let first = row.function(held)
        let second = row.function(inputs.map { $0.dtype == .float32 ? $0 + 0 : $0 })
        eval(first, second)
        #expect(held.map { bits($0) } == before)
        #expect(inputs.map { bits($0) } == before)
        #expect(bitDifference(first, row.function(inputs)) == nil)
        #expect(bitDifference(second, row.function(inputs)) == nil)
    }

    @Test(
        "gives the same bits in one evaluation as in one for each operation",
        arguments: PrimitiveCase.rows, [DType.float32, .float16, .bfloat16, .float64])
    func fusion(_ row: PrimitiveCase, _ dtype: DType) {
        let inputs = row.arrays(dtype)
        let together = surrounded(row, inputs) { $0 }
        let apart = surrounded(row, inputs) {
            $0.eval()
            return $0
        }
        #expect(bitDifference(together, apart) == nil)
    }

    /// The function with operations before and behind it, some of whose results are used twice.
    private func surrounded(
        _ row: PrimitiveCase, _ inputs: [MLXArray], _ step: (MLXArray) -> MLXArray
    ) -> MLXArray {
        let changed = inputs.map { input in
            input.dtype.isFloatingPoint ? step(step(input * 1.25) * 0.8) : input
        }
        let result = step(row.function(changed))
        let number = step(result.asType(result.dtype == .bool ? .int32 : result.dtype))
        let shifted = step(number + 3)
        return step(step(shifted * number) - shifted)
    }

    @Test("gives the same bits with one, two and three threads", arguments: PrimitiveCase.rows)
    func threads(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float32, row.large)
        let expected = withWorkers(1) { bits(row.function(inputs)) }
        for count in 2...3 {
            #expect(withWorkers(count) { bits(row.function(inputs)) } == expected)
        }
    }
}

/// The primitives that the sources declare.
enum PrimitiveSources {
    /// The names of all types that conform to `Primitive`, directly or through a family.
    static func types() throws -> Set<String> {
        var lines: [(kind: String, name: String, parents: [String])] = []
        let folder = try #require(sourceFolder)
        for file in try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(
                of: /(?m)^(?:package |public )?(struct|protocol) (\w+): ([\w, ]+?) \{/)
            {
                let parents = match.3.split(separator: ", ").map { String($0) }
                lines.append((String(match.1), String(match.2), parents))
            }
        }
        var families: Set = ["Primitive"]
        var count = 0
        while count < families.count {
            count = families.count
            for line in lines
            where line.kind == "protocol" && !families.isDisjoint(with: line.parents) {
                families.insert(line.name)
            }
        }
        let types = lines.filter { $0.kind == "struct" && !families.isDisjoint(with: $0.parents) }
        return Set(types.map(\.name))
    }

    private static var sourceFolder: URL? {
        var root = URL(filePath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        return root.appending(path: "Sources/MLX/Primitives")
    }
}
