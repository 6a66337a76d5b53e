import MLX
import TestSupport
import Testing

@Suite("Reductions")
struct ReductionTests {
    /// All sets of axes of an array with four.
    private static let axes = (0..<16).map { mask in (0..<4).filter { mask >> $0 & 1 == 1 } }

    @Test("along any axes agree with plain loops", arguments: axes)
    func everyCombination(_ axes: [Int]) {
        let shape = [3, 4, 5, 9]
        let x = random(shape, in: 0.5...1.5, .float64, seed: 3)
        for input in [x] + Arrangement.allCases.map({ $0(x) }) {
            let groups = grouped(numbers(x), shape, axes)
            let tolerance = Tolerance.of(.float64)
            #expect(
                difference(sum(input, axes: axes), groups.map { $0.reduce(0, +) }, tolerance) == nil
            )
            #expect(
                difference(product(input, axes: axes), groups.map { $0.reduce(1, *) }, tolerance)
                    == nil)
            #expect(difference(max(input, axes: axes), groups.map { $0.max() ?? 0 }, .exact) == nil)
            #expect(difference(min(input, axes: axes), groups.map { $0.min() ?? 0 }, .exact) == nil)
            let means = groups.map { $0.reduce(0, +) / Double($0.count) }
            #expect(difference(mean(input, axes: axes), means, tolerance) == nil)
            let kept = sum(input, axes: axes.map { $0 - 4 }, keepDims: true)
            #expect(kept.shape == shape.indices.map { axes.contains($0) ? 1 : shape[$0] })
        }
    }

    @Test("of integers and truth values along any axes are exact", arguments: axes)
    func everyCombinationOfIntegers(_ axes: [Int]) {
        let shape = [3, 4, 5, 9]
        var values = Values(seed: 8)
        let whole = values.integers(540, in: -100...100)
        let x = MLXArray(whole, shape)
        let groups = grouped(whole.map { Double($0) }, shape, axes)
        let sums = groups.map { $0.reduce(0, +) }
        #expect(difference(sum(x.asType(.int8), axes: axes), sums, .exact) == nil)
        #expect(difference(sum(x, axes: axes), sums, .exact) == nil)
        let positive = groups.map { Double($0.filter { $0 > 0 }.count) }
        #expect(difference(sum(x .> 0, axes: axes), positive, .exact) == nil)
        let isAny = groups.map { $0.contains { $0 > 98 } ? 1.0 : 0 }
        #expect(difference(any(x .> 98, axes: axes), isAny, .exact) == nil)
        let isAll = groups.map { $0.allSatisfy { $0 > -99 } ? 1.0 : 0 }
        #expect(difference(all(x .> -99, axes: axes), isAll, .exact) == nil)
    }

    /// The elements that fall on each result, in row-major order.
    private func grouped(_ values: [Double], _ shape: [Int], _ axes: [Int]) -> [[Double]] {
        let kept = shape.indices.filter { !axes.contains($0) }
        var groups = [[Double]](repeating: [], count: kept.reduce(1) { $0 * shape[$1] })
        for (position, value) in values.enumerated() {
            var rest = position
            var index = shape.map { _ in 0 }
            for axis in shape.indices.reversed() {
                (rest, index[axis]) = rest.quotientAndRemainder(dividingBy: shape[axis])
            }
            groups[kept.reduce(0) { $0 * shape[$1] + index[$1] }].append(value)
        }
        return groups
    }

    /// Whole numbers, so that sums are exact in any order; rows that follow each other, that lie
    /// apart, that are gathered and that are made.
    @Test(
        "of columns, however many and wherever the rows lie",
        arguments: [1, 7, 8, 9, 31, 40, 100, 1003], [3, 15, 16, 17, 100, 4099])
    func columns(_ rows: Int, _ width: Int) {
        let whole = round(random([rows, width + 5], in: -50...50, seed: UInt64(rows + width)))
        let x = whole[0..., 2..<(width + 2)]
        let numbers = x.asArray(Float.self)
        var (sums, most, least) = (
            [Float](repeating: 0, count: width), Array(numbers[..<width]), Array(numbers[..<width])
        )
        for row in 0..<rows {
            for column in 0..<width {
                let number = numbers[row * width + column]
                sums[column] += number
                most[column] = Swift.max(most[column], number)
                least[column] = Swift.min(least[column], number)
            }
        }
        let inputs = [x, contiguous(x), contiguous(x.T).T, x + 0, x.asType(.float64)]
        for input in inputs {
            let kept = contiguous(input)
            for (found, wanted) in [
                (sum(input, axis: 0), sums), (max(input, axis: 0), most),
                (min(input, axis: 0), least), (sum(-(-input), axis: 0), sums),
                (sum(kept, axis: 0), sums),
            ] {
                #expect(found.asType(.float32).asArray(Float.self) == wanted)
            }
        }
        let broken = which(whole .== whole[rows / 2, 2], MLXArray(Float.nan), whole)
        for result in [max(broken, axis: 0), min(broken, axis: 0), sum(broken, axis: 0)] {
            #expect(result[2].item(Float.self).isNaN)
        }
        let numbersOfAll = random([rows, width], seed: 9)
        #expect(
            bits(sum(numbersOfAll, axis: 0))
                == bits(sum(contiguous(numbersOfAll.T).T, axis: 0)))
    }

    @Test("of 2^25 ones give 33554432")
    func manyOnes() {
        #expect(ones([1 << 25]).sum().item(Float.self) == 33_554_432)
        let matrix = copied(ones([1 << 13, 1 << 12]))
        #expect(matrix.sum().item(Float.self) == 33_554_432)
        #expect(matrix.sum(axis: 0).sum().item(Float.self) == 33_554_432)
        #expect(matrix.T.sum(axis: 0).max().item(Float.self) == 4096)
    }

    @Test("of a million tenths have a mean of a tenth")
    func manyTenths() {
        for x in [full([1_000_000], values: Float(0.1)), full([1_000_000, 8], values: Float(0.1))] {
            let mean = x.mean(axis: 0)
            #expect(difference(mean, numbers(mean).map { _ in 0.1 }, .of(.float32)) == nil)
        }
        #expect(variance(full([1_000_000], values: Float(1e4))).item(Float.self) == 0)
    }

    @Test(
        "of many rows have the bits of one thread with any number",
        arguments: [[70_000, 3], [9001, 40], [3, 5000, 33], [2000, 1100]])
    func manyRows(_ shape: [Int]) {
        let x = random(shape, in: 0.5...1.5, .float64, seed: 5)
        let narrow = x.asType(.float32)
        let sums = { narrow.sum(axis: -2) }
        let one = withWorkers(1) { bits(sums()) }
        for count in [2, 3, 16] { #expect(withWorkers(count) { bits(sums()) } == one) }
        let exact = numbers(narrow.asType(.float64).sum(axis: -2))
        #expect(difference(sums(), exact, .of(.float32)) == nil)
    }

    @Test("of half types add up in float32", arguments: [DType.float16, .bfloat16])
    func halves(_ dtype: DType) {
        #expect(ones([4096], dtype: dtype).sum().item(Float.self) == 4096)
        #expect(
            ones([4096, 8], dtype: dtype).sum(axis: 0).asArray(Float.self)
                == [Float](repeating: 4096, count: 8))
        #expect(ones([4096, 2], dtype: dtype).sum(axis: 0).asArray(Float.self) == [4096, 4096])
        #expect(
            ones([8, 4096], dtype: dtype).mean(axis: 1).asArray(Float.self)
                == [Float](repeating: 1, count: 8))
    }

    @Test("of small integers do not run over")
    func narrowIntegers() {
        #expect(full([1000], values: MLXArray(127), dtype: .int8).sum().item(Int.self) == 127_000)
        #expect(
            full([1000, 5], values: MLXArray(255), dtype: .uint8).sum(axis: 0).asArray(Int.self)
                == [Int](repeating: 255_000, count: 5))
        #expect(
            full([3], values: MLXArray(-128), dtype: .int8).product().item(Int.self) == -2_097_152)
        #expect(
            full([1 << 20], values: MLXArray(int64: 1 << 40), dtype: .int64).sum().item(Int.self)
                == 1 << 60)
    }

    @Test("find NaN", arguments: [0, 1, 77, 999])
    func notANumber(_ position: Int) {
        var values = Values(seed: 4).numbers(1000)
        values[position] = .nan
        for dtype in [DType.float32, .float16, .float64] {
            let x = array(values, [1000], dtype)
            #expect(x.max().item(Float.self).isNaN)
            #expect(x.min().item(Float.self).isNaN)
            #expect(x.sum().item(Float.self).isNaN)
            #expect(argMax(x).item(Int.self) == position)
            let wide = broadcast(x.reshaped([1000, 1]), to: [1000, 8])
            #expect(
                wide.max(axis: 0).asType(.float32).asArray(Float.self).filter { $0.isNaN }.count
                    == 8)
        }
        #expect(
            maximum(MLXArray([Float.nan, 1]), MLXArray([1, Float.nan])).asArray(Float.self).filter {
                $0.isNaN
            }.count == 2)
    }

    @Test("of no elements give the neutral one")
    func nothing() {
        let x = zeros([0, 3])
        #expect(x.sum(axis: 0).asArray(Float.self) == [0, 0, 0])
        #expect(x.product(axis: 0).asArray(Float.self) == [1, 1, 1])
        #expect(all(x, axis: 0).asArray(Bool.self) == [true, true, true])
        #expect(any(x, axis: 0).asArray(Bool.self) == [false, false, false])
        #expect(x.sum(axis: 1).shape == [0])
        #expect(x.max(axis: 1).size == 0)
        #expect(x.mean().item(Float.self).isNaN)
    }

    @Test("find the first of equal extremes")
    func ties() {
        let x = MLXArray([1, 3, 3, 2, 2, 2] as [Float], [2, 3])
        #expect(argMax(x, axis: 1).asArray(Int.self) == [1, 0])
        #expect(argMin(x, axis: 1).asArray(Int.self) == [0, 0])
        #expect(argMax(x).item(Int.self) == 1)
        #expect(argMax(x, axis: 0, keepDims: true).shape == [1, 3])
        #expect(argMax(x.T, axis: 0).asArray(Int.self) == [1, 0])
        #expect(argMax(zeros([100_000])).item(Int.self) == 0)
    }

    @Test("of a variance count the degrees of freedom")
    func variances() {
        let x = MLXArray([1, 2, 3, 4] as [Float])
        #expect(variance(x).item(Float.self) == 1.25)
        #expect(difference(variance(x, ddof: 1), [5.0 / 3], .of(.float32)) == nil)
        #expect(std(x).item(Float.self) == Float(1.25).squareRoot())
    }
}

extension Values {
    fileprivate consuming func numbers(_ count: Int) -> [Double] {
        var values = self
        return values.next(count)
    }
}
