import Foundation
import MLX
import TestSupport
import Testing

@Suite("Assignment through a subscript")
struct SubscriptAssignmentTests {
    private func counting(_ shape: [Int] = [4, 3, 5]) -> MLXArray {
        arange(shape.reduce(1, *), dtype: .float32).reshaped(shape)
    }

    /// The expressions of scripts/fixtures_scatter.py.
    private static func indices(_ name: String) -> [any MLXArrayIndex]? {
        let (i, j) = (MLXArray([2, 0, -1]), MLXArray([1, 0, 2]))
        let (matrix, many) = (MLXArray([1, 0, -1, 2], [2, 2]), MLXArray([3, 1, 3, 3]))
        func index<Index: MLXArrayIndex>(_ value: Index) -> any MLXArrayIndex { value }
        let (dots, new, whole) = (index(.ellipsis), index(.newAxis), index(.stride()))
        let table: [String: [any MLXArrayIndex]] = [
            "integer": [1], "negative integer": [-1], "range": [1..<3],
            "steps": [index(.stride(by: -2))], "empty range": [2..<2],
            "ellipsis": [dots], "ellipsis, integer": [dots, 2],
            "new axis": [new, 2],
            "integer, new axis, range": [1, new, 0..<2],
            "ranges": [1..<3, ..<2, index(.stride(from: 4, to: 0, by: -2))],
            "indices": [i], "matrix": [matrix], "inner indices": [whole, j],
            "last indices": [dots, many[..<2]], "two indices": [i, j],
            "broadcast indices": [matrix, j[..<2]], "indices apart": [i, whole, j],
            "range, indices": [1...2, j],
            "indices, range": [i, 0...1], "indices, new axis, indices": [i, new, j],
            "duplicates": [many], "inner duplicates": [whole, matrix],
            "two duplicates": [many, MLXArray([1, 1, 1, 0])],
        ]
        return table[name]
    }

    private struct Case: Decodable {
        let index: String
        let update: [Int]
        let changes: [String: [[Double]]]
    }

    private static func cases() throws -> [Case] {
        var folder = URL(filePath: #filePath)
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        let file = folder.appending(path: "Fixtures/scatter.json")
        return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
    }

    @Test("and every update through `at` give what MLX gives")
    func golden() throws {
        for item in try Self.cases() {
            let indices = try #require(Self.indices(item.index))
            let size = item.update.reduce(1, *)
            let update = ((arange(size) % 6 + 1).asType(.float32) * 0.5).reshaped(item.update)
            for (way, changes) in item.changes {
                var expected = numbers(counting())
                for change in changes { expected[Int(change[0])] = change[1] }
                let found = try #require(changed(indices, update, way))
                let comment: Comment = "\(item.index) \(item.update) \(way)"
                #expect(found.shape == [4, 3, 5] && found.dtype == .float32, comment)
                #expect(difference(found, expected, .of(.float32)) == nil, comment)
            }
        }
    }

    private func changed(
        _ indices: [any MLXArrayIndex], _ update: MLXArray, _ way: String
    ) -> MLXArray? {
        let array = counting()
        let at = array.at[indices]
        switch way {
        case "set":
            array[indices] = update
            return array
        case "add": return at.add(update)
        case "subtract": return at.subtract(update)
        case "multiply": return at.multiply(update)
        case "divide": return at.divide(update)
        case "minimum": return at.minimum(update)
        case "maximum": return at.maximum(update)
        default: return nil
        }
    }

    @Test("puts elements where reading finds them, also with an integer apart from indices")
    func order() {
        let array = counting()
        let update = counting([2, 3])
        array[2, 0..., MLXArray([1, 0])] = update
        #expect(bitDifference(array[2, 0..., MLXArray([1, 0])], update) == nil)
        #expect(array[2, 0..., 0].asArray(Int.self) == [3, 4, 5])
    }

    @Test("is seen through every name, and by no array made before")
    func aliases() {
        let array = counting([2, 3])
        let alias = array
        let before = array + 0
        let row = array[1]
        array[1] = MLXArray(7)
        #expect(alias.asArray(Int.self) == [0, 1, 2, 7, 7, 7])
        #expect(before.asArray(Int.self) == [0, 1, 2, 3, 4, 5])
        #expect(row.asArray(Int.self) == [3, 4, 5])
        alias[0..., 0] = array[0..., 1]
        #expect(array.asArray(Int.self) == [1, 1, 2, 7, 7, 7])
    }

    @Test("adds once where an index comes twice, and `at` each time")
    func duplicates() {
        let array = counting([4])
        let sums = array.at[MLXArray([1, 1, 3])].add(1)
        array[MLXArray([1, 1, 3])] += 1
        #expect(array.asArray(Int.self) == [0, 2, 2, 4])
        #expect(sums.asArray(Int.self) == [0, 3, 2, 4])
        array[MLXArray([0, 0, 0])] = MLXArray([5, 6, 7] as [Float])
        #expect(array[0].item(Int.self) == 7)
    }

    @Test("casts the update and keeps the array's type")
    func types() {
        let array = arange(4)
        array[1] = MLXArray(2.75 as Float)
        array[MLXArray([2, 3])] = MLXArray([8.5, 9.5] as [Float])
        #expect(array.dtype == .int32 && array.asArray(Int.self) == [0, 2, 8, 9])
        #expect(array.at[0].add(2).dtype == .int32)
    }

    @Test("writes into the array's own memory when nobody else needs it")
    func donation() {
        func address(_ array: MLXArray) -> Int {
            withBytes(array) { Int(bitPattern: $0.baseAddress) }
        }
        let array = random([100, 50], seed: 3)
        let place = address(array)
        for number in 0..<10 {
            array[number] = MLXArray(Float(number))
            array[MLXArray([number, 20]), 3] = MLXArray(-1 as Float)
            if number % 3 == 0 { array.eval() }
        }
        #expect(address(array) == place)
        let held = array[5]
        array[5] = MLXArray(0)
        #expect(address(array) != place)
        #expect(held.asArray(Float.self) == (0..<50).map { $0 == 3 ? -1 : 5 })
    }

    @Test("has zero gradient where it overwrites, and the slice's for the update")
    func gradients() {
        let gradients = grad(
            { (inputs: [MLXArray]) in
                inputs[0][1..., .stride(by: 2)] = inputs[1]
                return [(inputs[0] * self.counting([2, 3])).sum()]
            }, argumentNumbers: [0, 1])([ones([2, 3]), ones([2])])
        #expect(gradients[0].asArray(Int.self) == [0, 1, 2, 0, 4, 0])
        #expect(gradients[1].asArray(Int.self) == [3, 5])
    }

    @Test("through indices outside their axis is refused with index, position and size")
    func outOfRange() throws {
        func refusal(_ body: (MLXArray) -> Void) -> String {
            let array = counting([3, 4])
            let error = #expect(throws: MLXError.self) {
                try withError {
                    body(array)
                    array.eval()
                }
            }
            return error.map { "\($0)" } ?? ""
        }
        let far = MLXArray([0, 2, 3])
        #expect(
            refusal { $0[far] = MLXArray(1) }
                == "[scatter] index 3 at position 2 lies outside an axis of 3")
        #expect(
            refusal { $0[far, MLXArray([0, -5, 1])] = MLXArray(1) }
                == "[index] index 3 at position 2 lies outside an axis of 3")
        #expect(
            refusal { eval($0[MLXArray([0, 1]), MLXArray([0, -5])]) }
                == "[index] index -5 at position 1 lies outside an axis of 4")
        #expect(refusal { $0[3] = MLXArray(1) }.hasPrefix("[index] 3 lies outside axis 0"))
        #expect(refusal { $0[0, 0, 0] = MLXArray(1) }.hasPrefix("[index]"))
        #expect(
            refusal { $0[0] = zeros([3]) }
                == "[index] an update of shape [3] does not fit elements of shape [4]")
        #expect(
            refusal { eval(putAlong($0, far.reshaped([3, 1]), values: MLXArray(1), axis: 0)) }
                == "[putAlong] index 3 at position 8 lies outside an axis of 3")
        #expect(refusal { eval($0.asType(.int32).at[0].divide(2)) }.hasPrefix("[divide]"))
    }

    @Test("of a batch of indices outside their axis is refused, not read from the next batch")
    func outOfRangeInBatch() {
        let arrays = counting([2, 3])
        #expect(throws: MLXError.self) {
            try withError {
                eval(vmap({ $0[$1] })(arrays, MLXArray([0, 3, 0, 1], [2, 2])))
            }
        }
    }

    @Test("that was refused is refused again, and the array before it is intact")
    func refusedAgain() {
        let array = counting([3]) + 0
        array.eval()
        array[MLXArray([0, 9])] = MLXArray(1)
        for _ in 0..<2 {
            #expect(throws: MLXError.self) { try withError { array.eval() } }
        }
    }

    @Test("along one axis, in mlx-swift's first form")
    func axisForms() {
        let array = counting([3, 4])
        let forms: any AxisSubscripts = array
        #expect(forms[1, axis: 1].asArray(Int.self) == [1, 5, 9])
        #expect(forms[1..<3, axis: 0].shape == [2, 4])
        #expect(forms[2..., axis: -1].asArray(Int.self) == [2, 3, 6, 7, 10, 11])
        #expect(
            forms[from: nil, to: nil, stride: -3, axis: -1].asArray(Int.self) == [
                3, 0, 7, 4, 11, 8,
            ])
        forms[0, axis: -1] = MLXArray(9)
        forms[..<1, axis: 0] = MLXArray(8)
        #expect(array.asArray(Int.self) == [8, 8, 8, 8, 9, 5, 6, 7, 9, 9, 10, 11])
    }
}

/// Reaches the deprecated forms without a warning.
private protocol AxisSubscripts: AnyObject {
    subscript(index: Int, axis axis: Int) -> MLXArray { get set }
    subscript<R: RangeExpression<Int>>(range: R, axis axis: Int) -> MLXArray { get set }
    subscript(
        from from: Int?, to to: Int?, stride stride: Int, axis axis: Int
    ) -> MLXArray { get set }
}

extension MLXArray: AxisSubscripts {}
