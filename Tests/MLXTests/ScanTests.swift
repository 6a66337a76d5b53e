import MLX
import TestSupport
import Testing

@Suite("Running sums and their like")
struct ScanTests {
    @Test("give MLX's values and gradients")
    func golden() throws {
        let fixtures = try Fixtures.load("scan", as: [AxisFixture].self)
        #expect(fixtures.count > 100)
        for fixture in fixtures {
            let axis = fixture.axes[0]
            let (back, own) = (fixture.reverse ?? false, fixture.inclusive ?? true)
            try fixture.check {
                switch fixture.operation {
                case "cumsum": cumsum($0, axis: axis, reverse: back, inclusive: own)
                case "cumprod": cumprod($0, axis: axis, reverse: back, inclusive: own)
                case "cummax": cummax($0, axis: axis, reverse: back, inclusive: own)
                case "cummin": cummin($0, axis: axis, reverse: back, inclusive: own)
                default: logCumsumExp($0, axis: axis, reverse: back, inclusive: own)
                }
            }
        }
    }

    @Test("run over all elements in row-major order, as methods too")
    func flat() {
        let array = MLXArray([1, 2, 3, 4], [2, 2])
        #expect(array.cumsum().asArray(Int32.self) == [1, 3, 6, 10])
        #expect(array.cumprod(reverse: true).asArray(Int32.self) == [24, 24, 12, 4])
        #expect(array.cummax(axis: 0, inclusive: false).asArray(Int32.self) == [.min, .min, 1, 2])
        #expect(array.cummin(axis: 1).asArray(Int32.self) == [1, 1, 3, 3])
        #expect(array.logCumsumExp().dtype == .float32)
        #expect(MLXArray([true, true, false]).cumsum().asArray(Int32.self) == [1, 2, 2])
        #expect(cumsum(zeros([0, 3]), axis: 0, inclusive: false).shape == [0, 3])
        #expect(cumsum(MLXArray(5)).shape == [1])
    }

    @Test("of half types do not stick where the type has no more digits")
    func halves() {
        for dtype in [DType.bfloat16, .float16] {
            let sums = cumsum(ones([4096], dtype: dtype), axis: 0)
            #expect(sums.dtype == dtype)
            #expect(numbers(sums)[4095] == 4096)
        }
    }

    @Test("of many float32 are exact where the last sum is")
    func long() {
        let sums = cumsum(ones([1 << 25]), axis: 0)
        #expect(split(sums, indices: [sums.size - 1])[1].item(Float.self) == 33_554_432)
    }

    @Test("are the same in columns as in rows, whatever the width")
    func columns() {
        for width in [1, 2, 63, 64, 65, 700] {
            let array = random([30, width], in: 0.5...1.5, .float32, seed: UInt64(width))
            let scans: [(MLXArray, Int) -> MLXArray] = [
                { cumsum($0, axis: $1) }, { cumprod($0, axis: $1, reverse: true) },
                { cummax($0, axis: $1) }, { logCumsumExp($0, axis: $1) },
            ]
            for scan in scans { #expect(bitDifference(scan(array, 0), scan(array.T, 1).T) == nil) }
        }
    }

    @Test("of products have gradients beside zeros")
    func zeroFactors() {
        let found = grad { (x: MLXArray) in cumprod(x, axis: 0).sum() }(
            array([3, 0, 2, 0, 5], [5], .float64))
        #expect(numbers(found) == [1, 9, 0, 0, 0])
        let second = grad { (x: MLXArray) in
            grad { (x: MLXArray) in cumprod(x, axis: 0).sum() }(x).sum()
        }(array([0, 0], [2], .float64))
        #expect(numbers(second) == [1, 1])
    }

    @Test("of exponentials begin at minus infinity without NaN")
    func empty() {
        let values = array([-.infinity, -.infinity, 1, 2], [4], .float64)
        let found = valueAndGrad { (x: [MLXArray]) in
            [which(MLXArray([false, false, true, true]), logCumsumExp(x[0], axis: 0), 0).sum()]
        }([values]).1[0]
        let share = 1 / (1 + Double.exp(1))
        #expect(difference(found, [0, 0, 1 + share, 1 - share], .of(.float64)) == nil)
    }
}
