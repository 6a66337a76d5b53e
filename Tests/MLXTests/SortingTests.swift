import MLX
import TestSupport
import Testing

/// One call in MLX of an operation along axes, as `scripts/fixtures_sorting.py` has written it.
struct AxisFixture: Decodable {
    let operation: String
    let inputs: [Packed]
    let output: Packed
    let cotangent: Packed?
    let gradients: [Packed]?
    let axes: [Int]
    let reverse: Bool?
    let inclusive: Bool?

    /// Checks a function against the values, and the gradients where there are some.
    func check(_ function: (MLXArray) -> MLXArray) throws {
        let input = try inputs[0].array()
        let expected = try output.array()
        let tolerance = Tolerance.of(expected.dtype)
        let options = "reverse \(reverse ?? false), inclusive \(inclusive ?? true)"
        let comment: Comment = "\(operation) \(input.dtype) \(axes) \(options)"
        #expect(difference(function(input), expected, tolerance) == nil, comment)
        guard let packed = gradients?.first, let cotangent = try cotangent?.array() else { return }
        let found = vjp({ [function($0[0])] }, primals: [input], cotangents: [cotangent]).1[0]
        let slope = try packed.array()
        #expect(difference(found, slope, tolerance.times(4)) == nil, "the gradient of \(comment)")
    }
}

@Suite("Sorting")
struct SortingTests {
    @Test("gives MLX's values, positions and gradients")
    func golden() throws {
        let fixtures = try Fixtures.load("sorting", as: [AxisFixture].self)
        #expect(fixtures.count > 50)
        for fixture in fixtures {
            let axis = fixture.axes[0]
            switch fixture.operation {
            case "sorted": try fixture.check { sorted($0, axis: axis) }
            case "argSort": try fixture.check { argSort($0, axis: axis) }
            default: try fixture.check { median($0, axes: fixture.axes) }
            }
        }
    }

    /// Numbers of a type with ties, special values among them.
    private func values(_ count: Int, _ dtype: DType, seed: UInt64) -> MLXArray {
        var values = Values(seed: seed)
        let wide = dtype.size > 2 && !dtype.isFloatingPoint
        var numbers = values.integers(count, in: wide ? -70_000...70_000 : -120...120).map {
            dtype == .bool || dtype.isSignedInteger || dtype.isFloatingPoint
                ? Double($0) : Double(abs($0))
        }
        if dtype.isFloatingPoint, count > 8 {
            numbers.replaceSubrange(2..<7, with: [.nan, 0, -0.0, .infinity, -.infinity])
            numbers[count - 1] = .nan
        }
        return array(numbers, [count], .float64).asType(dtype)
    }

    /// The positions in order by Swift's sort, which is stable in fact, made so by the position.
    private func order(_ array: MLXArray) -> [Int] {
        let numbers = numbers(array)
        let parts = array.dtype.isComplex ? 2 : 1
        return (0..<array.size).sorted { a, b in
            for part in 0..<parts {
                let (x, y) = (numbers[parts * a + part], numbers[parts * b + part])
                if x.isNaN != y.isNaN { return y.isNaN }
                if x != y, !x.isNaN { return x < y }
            }
            return a < b
        }
    }

    @Test(
        "is stable and keeps every bit, in rows short and long", arguments: DType.allCases,
        [1, 2, 63, 64, 65, 1000, 70_001])
    func stable(_ dtype: DType, _ count: Int) {
        let array = values(count, dtype, seed: UInt64(count))
        let expected = order(array)
        let found = argSort(array)
        #expect(found.dtype == .uint32)
        #expect(found.asArray(UInt32.self).map { Int($0) } == expected)
        #expect(bits(sorted(array)) == bits(take(array, MLXArray(expected), axis: 0)))
    }

    @Test(
        "by parts puts the kth in its place and the others on their sides",
        arguments: DType.allCases, [1, 5, 64, 65, 3000])
    func parts(_ dtype: DType, _ count: Int) {
        let array = values(count, dtype, seed: UInt64(count) + 7)
        let sorted = sorted(array)
        for kth in Set([0, count / 3, count - 1]) {
            let parts = partitioned(array, kth: kth)
            let places = argPartition(array, kth: kth)
            #expect(bits(take(array, places)) == bits(parts), "\(kth)")
            for range in [0..<kth, kth..<kth + 1, kth + 1..<count] where !range.isEmpty {
                let part = split(parts, indices: [range.lowerBound, range.upperBound])[1]
                let wanted = split(sorted, indices: [range.lowerBound, range.upperBound])[1]
                #expect(difference(MLX.sorted(part), wanted) == nil, "\(kth) in \(range)")
            }
        }
    }

    /// The sixteen that a walk over 32-bit keys looks at are always the smallest that are left, so
    /// that it gets hardly nearer to the middle.
    @Test("by parts finds the kth where every guess is bad")
    func badGuesses() {
        let (count, kth) = (3001, 1500)
        var values = [Float](repeating: .infinity, count: count)
        var (left, next) = (Array(0..<count), Float(0))
        for _ in 0..<40 {
            var some: [Int] = []
            for lane in 0..<16 { some.append(left[(2 * lane + 1) * left.count / 32]) }
            for index in some where values[index] == .infinity {
                values[index] = next
                next += 1
            }
            let rank = (kth - (count - left.count)) * 16 / left.count
            let pivot = some.map { values[$0] }.sorted()[rank]
            left.removeAll { values[$0] <= pivot }
        }
        for index in left where values[index] == .infinity {
            values[index] = next
            next += 1
        }
        let array = MLXArray(values)
        let parts = partitioned(array, kth: kth)
        #expect(parts[kth].item(Float.self) == values.sorted()[kth])
        #expect(parts[..<kth].max().item(Float.self) <= parts[kth].item(Float.self))
        #expect(parts[(kth + 1)...].min().item(Float.self) >= parts[kth].item(Float.self))
        #expect(bits(take(array, argPartition(array, kth: kth))) == bits(parts))
    }

    @Test("finds the largest along an axis, all or none of them too")
    func largest() {
        let array = MLXArray([5, 1, 4, 2, 3, 1, 2, 9, 4, 5], [2, 5])
        #expect(sorted(top(array, k: 2, axis: -1), axis: -1).asArray(Int32.self) == [4, 5, 5, 9])
        #expect(top(array, k: 1, axis: 0).asArray(Int32.self) == [5, 2, 9, 4, 5])
        #expect(sorted(top(array, k: 3)).asArray(Int32.self) == [5, 5, 9])
        #expect(
            top(array, k: 5, axis: 1).shape == [2, 5] && top(array, k: 0, axis: 1).shape == [2, 0])
    }

    @Test("tells the middle, and NaN where there is one")
    func middle() {
        #expect(median(MLXArray([4, 1, 3, 2])).item(Float.self) == 2.5)
        #expect(median(MLXArray([5, 1, 3])).item(Float.self) == 3)
        #expect(median(MLXArray([1, .nan, 3] as [Float])).item(Float.self).isNaN)
        let cube = arange(0, 24).reshaped([2, 3, 4])
        #expect(median(cube, axes: [0, 2], keepDims: true).shape == [1, 3, 1])
        #expect(median(cube, axes: [0, 2]).asArray(Float.self) == [7.5, 11.5, 15.5])
        let large = MLXArray([60000, 60000] as [Float]).asType(.float16)
        #expect(median(large).asType(.float32).item(Float.self) == 60000)
    }

    @Test("refuses axes, positions and counts that are not there")
    func refusals() {
        let array = zeros([2, 3])
        let calls: [() -> MLXArray] = [
            { sorted(array, axis: 2) }, { argSort(MLXArray(1), axis: -1) },
            { partitioned(array, kth: 3, axis: 1) }, { argPartition(array, kth: -3, axis: 0) },
            { top(array, k: 4, axis: 1) }, { top(array, k: -1) },
            { median(zeros([0, 2]), axis: 0) },
        ]
        for call in calls { #expect(throws: MLXError.self) { try withError { call() } } }
        #expect(sorted(zeros([0, 3]), axis: 0).shape == [0, 3])
        #expect(sorted(MLXArray(3)).asArray(Int32.self) == [3])
    }
}
