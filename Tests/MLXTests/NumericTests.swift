import MLX
import TestSupport
import Testing

@Suite("Numeric helpers")
struct NumericTests {
    private let special = array([.nan, .infinity, -.infinity, 1.5], [4])

    @Test("put numbers in the place of NaN and infinities")
    func numbersForSpecials() {
        #expect(nanToNum(special).asArray(Float.self) == [0, 0, 0, 1.5])
        let largest = Float.greatestFiniteMagnitude
        #expect(
            nanToNum(special, nan: 2, posInf: nil, negInf: nil).asArray(Float.self)
                == [2, largest, -largest, 1.5])
        let half = nanToNum(special.asType(.float16), posInf: nil, negInf: -3)
        #expect(half.dtype == .float16 && numbers(half) == [0, 65504, -3, 1.5])
        #expect(nanToNum(MLXArray([1, 2])).asArray(Int32.self) == [1, 2])
    }

    @Test("tell the infinities apart")
    func infinities() {
        #expect(isPosInf(special).asArray(Bool.self) == [false, true, false, false])
        #expect(isNegInf(special).asArray(Bool.self) == [false, false, true, false])
        #expect(isPosInf(MLXArray([1, 2])).asArray(Bool.self) == [false, false])
    }

    @Test("divide with what is left")
    func division() {
        let (quotient, rest) = divmod(MLXArray([7, -7]), 2)
        #expect(quotient.asArray(Int32.self) == [3, -4] && rest.asArray(Int32.self) == [1, 1])
        let (whole, part) = divmod(7.5, MLXArray([2, -2] as [Float]))
        #expect(whole.asArray(Float.self) == [3, -4] && part.asArray(Float.self) == [1.5, -0.5])
    }

    @Test("turn degrees to radians and back, in the array's type")
    func angles() {
        #expect(
            difference(degrees(MLXArray([1, 2])), [57.29578, 114.59156], .of(.float32)) == nil)
        #expect(difference(radians(MLXArray([180, 90])), [.pi, .pi / 2], .of(.float32)) == nil)
        #expect(degrees(MLXArray(Float(1)).asType(.float16)).dtype == .float16)
        #expect(difference(radians(degrees(special)), special) == nil)
    }
}
