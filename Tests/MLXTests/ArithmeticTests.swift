import MLX
import TestSupport
import Testing

@Suite("Arithmetic and comparison")
struct ArithmeticTests {
    @Test("division and remainder round to minus infinity and take the divisor's sign")
    func division() {
        let a = MLXArray([7, -7, 7, -7])
        let b = MLXArray([2, 2, -2, -2])
        #expect(floorDivide(a, b).asArray(Int.self) == [3, -4, -4, 3])
        #expect((a % b).asArray(Int.self) == [1, 1, -1, -1])
        #expect((a / b).asArray(Float.self) == [3.5, -3.5, -3.5, 3.5])
        let x = a.asType(.float32)
        let y = b.asType(.float32)
        #expect(floorDivide(x, y).asArray(Float.self) == [3, -4, -4, 3])
        #expect((x % y).asArray(Float.self) == [1, 1, -1, -1])
        #expect((MLXArray(1) / MLXArray(0)).item(Float.self) == .infinity)
        let smallest = MLXArray(Int32.min)
        #expect(floorDivide(smallest, -1).item(Int32.self) == .min)
        #expect((smallest % -1).item(Int32.self) == 0)
    }

    @Test("rounding goes to the even neighbour, and to decimals")
    func rounding() {
        let x = MLXArray([0.5, 1.5, 2.5, -0.5, -1.5] as [Float])
        #expect(round(x).asArray(Float.self) == [0, 2, 2, 0, -2])
        let y = MLXArray([1.234, -5.678] as [Float])
        #expect(difference(round(y, decimals: 2), [1.23, -5.68], .of(.float32)) == nil)
        #expect(round(MLXArray([1234, -5678]), decimals: -2).asArray(Int.self) == [1200, -5700])
    }

    @Test("clipping keeps between bounds")
    func clipping() {
        let x = MLXArray([-2, 0, 5])
        #expect(clip(x, min: -1, max: 3).asArray(Int.self) == [-1, 0, 3])
        #expect(clip(x, min: 0).asArray(Int.self) == [0, 0, 5])
        #expect(clip(x, max: 0).asArray(Int.self) == [-2, 0, 0])
    }

    @Test("integers wrap")
    func wrapping() {
        #expect((MLXArray([250, 5] as [UInt8]) + 10).asArray(UInt8.self) == [4, 15])
        #expect((MLXArray([100] as [Int8]) * 2).asArray(Int8.self) == [-56])
        #expect((MLXArray(Int32.max) + 1).item(Int32.self) == .min)
        #expect((MLXArray([2, 3]) ** 10).asArray(Int.self) == [1024, 59049])
    }

    @Test("arrays are close within a tolerance, NaN only if asked")
    func closeness() {
        let x = MLXArray([1, 2, .nan, .infinity] as [Float])
        let y = MLXArray([1.000001, 2.1, .nan, .infinity] as [Float])
        #expect(isClose(x, y).asArray(Bool.self) == [true, false, false, true])
        #expect(isClose(x, y, equalNaN: true).asArray(Bool.self) == [true, false, true, true])
        #expect(isClose(x, y, rtol: 0.1).asArray(Bool.self) == [true, true, false, true])
        #expect(!allClose(x, y).item(Bool.self))
        #expect(allClose(ones([3]), 1).item(Bool.self))
        #expect(!arrayEqual(x, x).item(Bool.self))
        #expect(arrayEqual(x, x, equalNAN: true).item(Bool.self))
        #expect(!arrayEqual(ones([2]), ones([3])).item(Bool.self))
    }

    @Test("a condition picks elements and promotes them")
    func picking() {
        let condition = MLXArray([true, false, true])
        let picked = which(condition, MLXArray([1, 2, 3]), 0.5)
        #expect(picked.dtype == .float32)
        #expect(picked.asArray(Float.self) == [1, 0.5, 3])
        #expect(which(MLXArray([2, 0]), 1, 0).asArray(Int.self) == [1, 0])
        #expect(which(condition, zeros([2, 1]), ones([3])).shape == [2, 3])
        // What is not picked does no harm.
        let safe = grad { (x: MLXArray) in which(x .> 0, x, 0).sum() }
        #expect(safe(MLXArray([-1, 2] as [Float])).asArray(Float.self) == [0, 1])
    }

    @Test("bits move and combine")
    func bitwise() {
        let x = MLXArray([0b1100, 0b1010])
        #expect((x & 0b0110).asArray(Int.self) == [0b0100, 0b0010])
        #expect((x | 1).asArray(Int.self) == [0b1101, 0b1011])
        #expect((x ^ x).asArray(Int.self) == [0, 0])
        #expect((x << 2).asArray(Int.self) == [48, 40])
        #expect((MLXArray([-8]) >> 1).asArray(Int.self) == [-4])
        #expect((~MLXArray([true, false])).asArray(Bool.self) == [false, true])
    }
}
