import ComplexModule
import MLX
import TestSupport
import Testing

@Suite("Element types")
struct DTypeTests {
    @Test("there are fourteen, with their sizes")
    func sizes() {
        #expect(DType.allCases.count == 14)
        let sizes: [DType: Int] = [
            .bool: 1, .uint8: 1, .int8: 1, .uint16: 2, .int16: 2, .float16: 2, .bfloat16: 2,
            .uint32: 4, .int32: 4, .float32: 4, .uint64: 8, .int64: 8, .complex64: 8, .float64: 8,
        ]
        for dtype in DType.allCases {
            #expect(sizes[dtype] == dtype.size)
            #expect(ones([3], dtype: dtype).nbytes == 3 * dtype.size)
        }
    }

    @Test("two arrays give the type that MLX gives")
    func promotion() throws {
        struct Row: Decodable {
            let dtype: String
            let with: [String: String]
        }
        let rows = try Fixtures.load("promotion", as: [Row].self)
        #expect(rows.count == 14)
        for row in rows {
            let a = try #require(DType(named: row.dtype))
            #expect(row.with.count == 14)
            for (name, expected) in row.with {
                let b = try #require(DType(named: name))
                let sum = ones([2], dtype: a) + ones([2], dtype: b)
                #expect(sum.dtype == DType(named: expected), "\(a) and \(b)")
                #expect(
                    difference(sum.asType(.float32), [2, 2], .exact) == nil || sum.dtype == .bool)
            }
        }
    }

    @Test(
        "an integer beside an array takes its type, and is int32 beside bool",
        arguments: DType.allCases)
    func weakIntegers(_ dtype: DType) {
        let x = ones([2], dtype: dtype)
        let expected = dtype == .bool ? DType.int32 : dtype
        #expect((x + 1).dtype == expected)
        #expect((1 + x).dtype == expected)
        #expect((x * Int32(2)).dtype == expected)
        #expect(maximum(x, 0).dtype == expected)
        #expect((x + Int64(1)).dtype == (dtype == .bool ? .int64 : dtype))
        #expect((x + UInt8(1)).dtype == (dtype == .bool ? .uint8 : dtype))
    }

    @Test(
        "a float beside an array takes its type, and is float32 beside integers",
        arguments: DType.allCases)
    func weakFloats(_ dtype: DType) {
        let x = ones([2], dtype: dtype)
        let expected = dtype.isFloatingPoint ? dtype : .float32
        #expect((x + 1.5).dtype == expected)
        #expect((1.5 - x).dtype == expected)
        #expect((x * Float(2)).dtype == expected)
        #expect((x * Float16(2)).dtype == expected)
        #expect((x / 2.0).dtype == expected)
    }

    @Test(
        "truth values and complex numbers beside an array are not weak", arguments: DType.allCases)
    func strongScalars(_ dtype: DType) {
        let x = ones([2], dtype: dtype)
        #expect((x + true).dtype == dtype)
        #expect((x + Complex<Float>(1, 2)).dtype == .complex64)
    }

    @Test("two numbers give their own types")
    func numbersAlone() {
        #expect(add(1, 2).dtype == .int32)
        #expect(add(1.5, 2.5).dtype == .float32)
        #expect(add(1, 2.5).dtype == .float32)
        #expect(add(Float16(1), Float16(2)).dtype == .float16)
        #expect(add(true, false).dtype == .bool)
    }

    @Test("numbers become arrays of the types that MLX chooses")
    func constructors() {
        #expect(MLXArray(1).dtype == .int32)
        #expect(MLXArray(int64: 1).dtype == .int64)
        #expect(MLXArray(1.5).dtype == .float32)
        #expect(MLXArray(Float(1.5)).dtype == .float32)
        #expect(MLXArray(1e300).dtype == .float64)
        #expect(MLXArray(float64: 1).dtype == .float64)
        #expect(MLXArray(bfloat16: 1).dtype == .bfloat16)
        #expect(MLXArray(true).dtype == .bool)
        #expect(MLXArray([1, 2]).dtype == .int32)
        #expect(MLXArray(int64: [1, 2]).dtype == .int64)
        #expect(MLXArray(0..<4).dtype == .int32)
        #expect(MLXArray(converting: [1, 2]).dtype == .float32)
        #expect(MLXArray([1, 2] as [UInt8]).dtype == .uint8)
        #expect(MLXArray(real: 1, imaginary: 2).dtype == .complex64)
        let literal: MLXArray = [1, 2, 3]
        #expect(literal.dtype == .int32)
    }

    @Test("a cast to the same type gives the array itself")
    func sameType() {
        let x = ones([2])
        #expect(x.asType(.float32) === x)
        #expect(x.asType(Float.self) === x)
    }

    @Test(
        "small whole numbers survive a cast from every type to every other",
        arguments: DType.allCases)
    func casts(_ dtype: DType) {
        let values: [Double] = dtype == .bool ? [0, 1, 1, 0] : [0, 1, 2, 100]
        let x = array(values, [4], dtype)
        for target in DType.allCases where target != .complex64 {
            let expected = target == .bool ? values.map { $0 == 0 ? 0 : 1 } : values
            #expect(difference(x.asType(target), expected, .exact) == nil, "to \(target)")
        }
        #expect(difference(x.asType(.complex64), values.flatMap { [$0, 0] }, .exact) == nil)
    }

    @Test("casts to half types round to the nearest, halves to even")
    func rounding() {
        let x = MLXArray(
            [1 + 0x1p-11, 1 + 0x1p-11 + 0x1p-20, 1 + 3 * 0x1p-11, 65520, 0x1p-25] as [Float])
        #expect(
            x.asType(.float16).asType(.float32).asArray(Float.self)
                == [1, 1 + 0x1p-10, 1 + 0x1p-9, .infinity, 0])
        let y = MLXArray([1 + 0x1p-8, 1 + 3 * 0x1p-8, -.infinity] as [Float])
        #expect(
            y.asType(.bfloat16).asType(.float32).asArray(Float.self)
                == [1, 1 + 0x1p-6, -.infinity])
        let nan = MLXArray(Float.nan)
        #expect(nan.asType(.bfloat16).asType(.float32).item(Float.self).isNaN)
        #expect(nan.asType(.float16).asType(.float32).item(Float.self).isNaN)
    }

    @Test("quotients of integers are float32, comparisons bool", arguments: DType.allCases)
    func results(_ dtype: DType) {
        let x = ones([2], dtype: dtype)
        #expect((x / x).dtype == (dtype.isFloatingPoint ? dtype : .float32))
        #expect((x .== x).dtype == .bool)
        #expect(logicalNot(x).dtype == .bool)
        #expect(abs(x).dtype == (dtype == .complex64 ? .float32 : dtype))
    }

    @Test("reductions give the types that MLX gives", arguments: DType.allCases)
    func reductions(_ dtype: DType) {
        let x = ones([2, 3], dtype: dtype)
        let sums: [DType: DType] = [
            .bool: .int32, .int8: .int32, .int16: .int32, .uint8: .uint32, .uint16: .uint32,
        ]
        #expect(x.sum().dtype == sums[dtype] ?? dtype)
        #expect(x.product().dtype == sums[dtype] ?? dtype)
        #expect(x.mean().dtype == (dtype.isFloatingPoint ? dtype : .float32))
        let isReal = dtype.isFloatingPoint && !dtype.isComplex
        #expect(x.variance().dtype == (isReal ? dtype : .float32))
        #expect(all(x).dtype == .bool)
        #expect(any(x).dtype == .bool)
        #expect(x.max().dtype == dtype)
        #expect(argMax(x).dtype == .uint32)
    }

    @Test("the limits of floating types are those of their formats")
    func limits() {
        #expect(DType.float16.finfo?.max == 65504)
        #expect(DType.float16.finfo?.eps == 0x1p-10)
        #expect(DType.bfloat16.finfo?.eps == 0x1p-7)
        #expect(DType.float32.finfo?.max == Double(Float.greatestFiniteMagnitude))
        #expect(DType.float64.finfo?.min == -Double.greatestFiniteMagnitude)
        #expect(DType.int32.finfo == nil)
    }
}
