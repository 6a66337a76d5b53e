import MLX
import TestSupport
import Testing

/// The texts are those of MLX 0.32.4, with `true` and `false` in lower case.
@Suite struct DescriptionTests {
    @Test func `one element, a row and rows below each other`() {
        #expect(MLXArray(1).description == "array(1, dtype=int32)")
        #expect(MLXArray([1, 2, 3]).description == "array([1, 2, 3], dtype=int32)")
        let rows = "array([[0, 1, 2],\n       [3, 4, 5]], dtype=int32)"
        #expect(arange(6).reshaped(2, 3).description == rows)
        let planes = """
            array([[[0, 1],
                    [2, 3]],
                   [[4, 5],
                    [6, 7]]], dtype=int32)
            """
        #expect(arange(8).reshaped(2, 2, 2).description == planes)
    }

    @Test func `of more than six only the first and last three`() {
        #expect(arange(6).description == "array([0, 1, 2, 3, 4, 5], dtype=int32)")
        #expect(arange(20).description == "array([0, 1, 2, ..., 17, 18, 19], dtype=int32)")
        let expected = """
            array([[0, 1, 2, ..., 4, 5, 6],
                   [7, 8, 9, ..., 11, 12, 13],
                   [14, 15, 16, ..., 18, 19, 20],
                   ...,
                   [28, 29, 30, ..., 32, 33, 34],
                   [35, 36, 37, ..., 39, 40, 41],
                   [42, 43, 44, ..., 46, 47, 48]], dtype=int32)
            """
        #expect(arange(49).reshaped(7, 7).description == expected)
        let narrow = """
            array([[[0, 1]],
                   [[2, 3]],
                   [[4, 5]],
                   ...,
                   [[8, 9]],
                   [[10, 11]],
                   [[12, 13]]], dtype=int32)
            """
        #expect(arange(14).reshaped(7, 1, 2).description == narrow)
    }

    @Test func `arrays without elements`() {
        #expect(zeros([0]).description == "array([], dtype=float32)")
        #expect(zeros([0, 3]).description == "array([], dtype=float32)")
        #expect(zeros([2, 0]).description == "array([[],\n       []], dtype=float32)")
        #expect(zeros([2, 0, 3]).description == "array([[],\n       []], dtype=float32)")
    }

    @Test func `floats have six significant digits`() {
        let first = MLXArray([Float(0.1), 1e10, 1e-7, .nan])
        #expect(first.description == "array([0.1, 1e+10, 1e-07, nan], dtype=float32)")
        let second = MLXArray([Float(0.1), 1 / 3, .infinity, -.infinity, -0.0, 1_000_000])
        #expect(
            second.description == "array([0.1, 0.333333, inf, -inf, -0, 1e+06], dtype=float32)")
        let third = MLXArray([Float(0.1), 1 / 3])
        #expect(third.asType(.float16).description == "array([0.0999756, 0.333252], dtype=float16)")
        #expect(
            third.asType(.bfloat16).description == "array([0.100098, 0.333984], dtype=bfloat16)")
        let doubles: [Double] = [0.1, 1 / 3, 1e300]
        #expect(
            MLXArray(doubles.map { MLXArray(float64: $0) }.map { $0.item(Double.self) }[...])
                .description == "array([0.1, 0.333333, 1e+300], dtype=float64)")
    }

    @Test func `booleans, the widest integers and complex numbers`() {
        #expect(MLXArray([true, false]).description == "array([true, false], dtype=bool)")
        #expect(MLXArray(UInt64.max).description == "array(18446744073709551615, dtype=uint64)")
        #expect(MLXArray([Int8(-128)]).description == "array([-128], dtype=int8)")
        #expect(MLXArray([UInt8(255)]).description == "array([255], dtype=uint8)")
        let numbers: [(Float, Float, String)] = [
            (1, 2, "1+2j"), (-1.5, -0.25, "-1.5-0.25j"), (0, -0.0, "0+-0j"),
            (.nan, .infinity, "nan+infj"), (1, .nan, "1+nanj"), (1, -.infinity, "1-infj"),
        ]
        for (real, imaginary, text) in numbers {
            let number = MLXArray(real: real, imaginary: imaginary)
            #expect(number.description == "array(\(text), dtype=complex64)")
        }
    }

    @Test(arguments: Arrangement.allCases)
    func `the memory's arrangement does not show`(_ arrangement: Arrangement) {
        let array = arange(60).reshaped(10, 6)
        #expect(arrangement(array).description == array.description)
    }
}
