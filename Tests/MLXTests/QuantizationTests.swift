import MLX
import TestSupport
import Testing

@Suite("Quantization")
struct QuantizationTests {
    private static let formats: [(QuantizationMode, Int, Int)] =
        [2, 3, 4, 5, 6, 8].flatMap { bits in
            [32, 64, 128].map { (QuantizationMode.affine, $0, bits) }
        } + [(.mxfp4, 32, 4), (.mxfp8, 32, 8), (.nvfp4, 16, 4)]

    @Test("stores every group's extreme and zero exactly in the affine mode", arguments: [2, 4, 8])
    func edges(bits: Int) {
        let w = concatenated([random([3, 63], seed: 1), zeros([3, 1])], axis: 1)
        let (q, scales, biases) = quantized(w, bits: bits)
        let back = dequantized(q, scales: scales, biases: biases, bits: bits)
        let farthest = takeAlong(w, argMax(abs(w), axis: 1, keepDims: true), axis: 1)
        let found = takeAlong(back, argMax(abs(w), axis: 1, keepDims: true), axis: 1)
        #expect(difference(found, farthest) == nil)
        #expect(abs(back[0..., 63]).max().item(Float.self) < 1e-6)
    }

    @Test("loses at most a step, and of a float half of its last place")
    func roundTrip() {
        let w = random([8, 256], in: -3...3, seed: 2)
        for (mode, group, bits) in Self.formats {
            let (q, scales, biases) = quantized(w, groupSize: group, bits: bits, mode: mode)
            let back = dequantized(
                q, scales: scales, biases: biases, groupSize: group, bits: bits, mode: mode,
                dtype: .float32)
            let error = abs(back - w).max().item(Float.self)
            // Meeting one edge and zero exactly may cut off a step at the other edge. Floats: between
            // 4 and 6 of 6, or 256 and 448 of 448, times a scale that may be twice too large.
            let bound: Float =
                switch mode {
                case .affine: 6 / Float((1 << bits) - 1)
                case .mxfp8: 3.0 / 14
                case .mxfp4, .nvfp4: 1
                }
            #expect(error <= bound, "\(mode) \(group) \(bits): \(error)")
            #expect(q.shape == [8, 256 * bits / 32] && scales.shape == [8, 256 / group])
        }
    }

    @Test("multiplies as the elements that it stands for, whatever the number of rows")
    func products() {
        for (mode, group, bits) in Self.formats {
            for (rows, inner) in [(1, 128), (2, 384), (5, 1152), (9, 1152), (600, 640)] {
                let w = random([70, inner], seed: 3)
                let x = random([rows, inner], seed: 4)
                let (q, scales, biases) = quantized(w, groupSize: group, bits: bits, mode: mode)
                let elements = dequantized(
                    q, scales: scales, biases: biases, groupSize: group, bits: bits, mode: mode,
                    dtype: .float64)
                let found = quantizedMM(
                    x, q, scales: scales, biases: biases, groupSize: group, bits: bits, mode: mode)
                let exact = matmul(x.asType(.float64), elements.T)
                let tolerance = Tolerance(absolute: 2e-5, relative: 1e-5)
                #expect(
                    difference(found, numbers(exact), tolerance) == nil,
                    "\(mode) \(group) \(bits), \(rows) rows")
                let y = random([rows, 70], seed: 5)
                let turned = quantizedMM(
                    y, q, scales: scales, biases: biases, transpose: false, groupSize: group,
                    bits: bits, mode: mode)
                let expected = matmul(y.asType(.float64), elements)
                #expect(
                    difference(turned, numbers(expected), tolerance) == nil,
                    "\(mode) \(group) \(bits), \(rows) rows, as it is")
            }
        }
    }

    @Test("sums half types in float32, where MLX gets stuck at 2048 and 256")
    func ones() {
        for dtype in [DType.float16, .bfloat16, .float32] {
            for rows in [1, 12] {
                let w = MLX.ones([32, 4096], dtype: dtype)
                let (q, scales, biases) = quantized(w)
                let x = MLX.ones([rows, 4096], dtype: dtype)
                let result = quantizedMM(x, q, scales: scales, biases: biases)
                #expect(result.dtype == dtype)
                #expect(numbers(result).allSatisfy { $0 == 4096 }, "\(dtype), \(rows) rows")
            }
        }
    }

    @Test("of 4096 random bfloat16 elements errs by no more than one rounding of the result")
    func longSums() {
        let w = random([64, 4096], .bfloat16, seed: 6)
        let x = random([1, 4096], .bfloat16, seed: 7)
        let (q, scales, biases) = quantized(w)
        let result = quantizedMM(x, q, scales: scales, biases: biases)
        // The elements in float64, of the stored bfloat16 scales and biases.
        let elements = dequantized(
            q, scales: scales.asType(.float64), biases: biases?.asType(.float64))
        let exact = matmul(x.asType(.float64), elements.T)
        // Half of the last of eight binary digits, and what float32 sums of 4096 terms leave.
        let rounding = Tolerance(absolute: 2e-4, relative: 0x1p-8)
        #expect(difference(result, numbers(exact), rounding) == nil)
    }

    @Test("broadcasts leading axes, and takes a single row without them")
    func leadingAxes() {
        let w = random([3, 1, 5, 64], seed: 8)
        let x = random([2, 4, 64], seed: 9)
        let (q, scales, biases) = quantized(w)
        let elements = dequantized(q, scales: scales, biases: biases)
        let result = quantizedMM(x, q, scales: scales, biases: biases)
        #expect(result.shape == [3, 2, 4, 5])
        #expect(difference(result, matmul(x, elements.swappedAxes(-1, -2)), .loose) == nil)
        let row = quantizedMM(
            x[0, 0], q[0, 0], scales: scales[0, 0], biases: biases.map { $0[0, 0] })
        #expect(row.shape == [5])
        #expect(difference(row, result[0, 0, 0], .loose) == nil)
        let rows = quantizedMM(
            x[0, 0], q, scales: scales, biases: biases)
        #expect(rows.shape == [3, 1, 5])
        let none = quantizedMM(
            zeros([0, 64]), q[0, 0], scales: scales[0, 0], biases: biases?[0, 0])
        #expect(none.shape == [0, 5])
    }

    @Test("multiplies matrices that indices pick")
    func gathered() {
        let w = random([4, 6, 64], seed: 10)
        let (q, scales, biases) = quantized(w, groupSize: 32, bits: 6)
        let elements = dequantized(q, scales: scales, biases: biases, groupSize: 32, bits: 6)
        let x = random([3, 1, 2, 64], seed: 11)
        let right = MLXArray([3, 0, -1, 3, 1, 1], [3, 2])
        let result = gatherQuantizedMM(
            x, q, scales: scales, biases: biases, lhsIndices: MLXArray([0, 1, 2], [3, 1]),
            rhsIndices: right, groupSize: 32, bits: 6, sortedIndices: false)
        #expect(result.shape == [3, 2, 2, 6])
        let expected = matmul(x, take(elements, right, axis: 0).swappedAxes(-1, -2))
        #expect(difference(result, expected, .loose) == nil)
        let outside = #expect(throws: MLXError.self) {
            try withError {
                gatherQuantizedMM(
                    x, q, scales: scales, biases: biases, rhsIndices: MLXArray([0, 4, 1]),
                    groupSize: 32, bits: 6
                ).eval()
            }
        }
        #expect(outside?.description.contains("index 4") == true)
    }

    @Test("of both sides multiplies what both stand for, with gradients as if nothing was rounded")
    func bothSides() {
        let x = random([2, 3, 64], seed: 12)
        let w = random([5, 64], seed: 13)
        for mode in [QuantizationMode.nvfp4, .mxfp8, .mxfp4] {
            func rounded(_ a: MLXArray, _ global: MLXArray?) -> MLXArray {
                let (q, scales, _) = quantized(a, mode: mode, globalScale: global)
                return dequantized(
                    q, scales: scales, biases: nil, mode: mode, globalScale: global,
                    dtype: .float32)
            }
            let globals = mode == .nvfp4 ? [nil, MLXArray(3 as Float)] : [nil]
            for global in globals {
                let expected = matmul(rounded(x, global), rounded(w, global).T)
                let (q, scales, _) = quantized(w, mode: mode, globalScale: global)
                let packed = quantizedQuantizedMM(
                    x, q, scales: scales, mode: mode, globalScaleX: global, globalScaleW: global)
                let plain = quantizedQuantizedMM(
                    x, w, scales: nil, mode: mode, globalScaleX: global, globalScaleW: global)
                #expect(difference(packed, expected, .loose) == nil, "\(mode)")
                #expect(difference(plain, expected, .loose) == nil, "\(mode)")
                let gradient = grad { (x: MLXArray) in
                    quantizedQuantizedMM(
                        x, w, scales: nil, mode: mode, globalScaleX: global, globalScaleW: global
                    ).sum()
                }(x)
                let slope = broadcast(rounded(w, global).sum(axis: 0), to: x.shape)
                #expect(difference(gradient, slope, .loose) == nil, "\(mode)")
            }
        }
    }

    @Test("reads every float of 8 bits; the two codes without a number are 480 and -480")
    func fp8() {
        let codes = (0..<256).map { UInt8($0) }
        let expected = codes.map { code -> Double in
            let (exponent, mantissa) = (Int(code) >> 3 & 15, Double(code & 7))
            // mlx-swift's own tests demand ±480 where the PyPI package gives NaN.
            let size =
                exponent == 0
                ? mantissa * 0x1p-9
                : (1 + mantissa / 8) * Double(sign: .plus, exponent: exponent - 7, significand: 1)
            return code < 128 ? size : -size
        }
        let numbers = fromFP8(MLXArray(codes), dtype: .float32)
        #expect(difference(numbers, expected, .exact) == nil)
        #expect(fromFP8(MLXArray(codes)).dtype == .bfloat16)
        let again = toFP8(numbers).asArray(UInt8.self)
        #expect(again == codes.map { $0 & 127 == 127 ? $0 - 1 : $0 })
    }

    @Test("takes numbers that are not finite, or tiny, without harm")
    func extremes() {
        for value in [Float.infinity, -.infinity, .nan, .leastNonzeroMagnitude, 3e38, -3e38] {
            let w = concatenated([MLX.full([1, 64], values: MLXArray(value)), zeros([1, 64])])
            for (mode, group, bits) in Self.formats where group < 128 {
                let (q, scales, biases) = quantized(w, groupSize: group, bits: bits, mode: mode)
                let back = dequantized(
                    q, scales: scales, biases: biases, groupSize: group, bits: bits, mode: mode,
                    dtype: .float32)
                #expect(abs(back[1]).max().item(Float.self) < 1e-6, "\(mode) \(value)")
            }
        }
    }

    @Test("refuses what does not fit, and says what would")
    func refusals() throws {
        let w = random([4, 128], seed: 14)
        let x = random([2, 128], seed: 15)
        let (q, s, b) = quantized(w)
        func check(_ words: String, _ body: @escaping () -> MLXArray) {
            let error = #expect(throws: MLXError.self) { try withError { body().eval() } }
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
        check("[quantized] affine has bits of 2, 3, 4, 5, 6, 8: got 7") { quantized(w, bits: 7).wq }
        check("[quantized] affine has groups of 32, 64, 128: got 16") {
            quantized(w, groupSize: 16).wq
        }
        check("[quantized] mxfp4 has bits of 4: got 8") { quantized(w, bits: 8, mode: .mxfp4).wq }
        check("[quantized] nvfp4 has groups of 16") {
            quantized(w, groupSize: 32, mode: .nvfp4).wq
        }
        check("multiple of the group size 64, got shape [4, 100]") {
            quantized(zeros([4, 100])).wq
        }
        check("[quantized] needs at least two axes") { quantized(zeros([64])).wq }
        check("got int32") { quantized(zeros([4, 64], dtype: .int32)).wq }
        check("only nvfp4 has a global scale") {
            quantized(w, globalScale: MLXArray(1 as Float)).wq
        }
        check("got shape [2]") { quantized(w, mode: .nvfp4, globalScale: zeros([2])).wq }
        check("[dequantized] affine needs biases") { dequantized(q, scales: s, biases: nil) }
        check("[dequantized] mxfp4 has no biases") {
            dequantized(q, scales: s, biases: b, mode: .mxfp4)
        }
        check("must be uint32, got int32") {
            dequantized(q.asType(.int32), scales: s, biases: b)
        }
        check("do not fit packed weights of shape [4, 16] with groups of 32") {
            dequantized(q, scales: s, biases: b, groupSize: 32)
        }
        check("gives a real floating-point type, got int32") {
            dequantized(q, scales: s, biases: b, dtype: .int32)
        }
        check("scales of mxfp4 must be uint8") {
            dequantized(q, scales: zeros([4, 4]), biases: nil, mode: .mxfp4)
        }
        check("[quantizedMM] inner sizes differ: got [2, 64]") {
            quantizedMM(x[0..., 0..<64], q, scales: s, biases: b)
        }
        check("must have a real floating-point type, got int32") {
            let (q, s, _) = quantized(w, mode: .mxfp4)
            return quantizedMM(
                x.asType(.int32), q, scales: s, biases: nil, mode: .mxfp4)
        }
        check("indices must be integers") {
            gatherQuantizedMM(x, q, scales: s, biases: b, rhsIndices: zeros([1]))
        }
        check("needs both global scales or neither") {
            quantizedQuantizedMM(x, w, scales: nil, globalScaleX: MLXArray(1 as Float))
        }
        check("[quantizedQuantizedMM] has the modes mxfp4, mxfp8, nvfp4") {
            quantizedQuantizedMM(x, w, scales: nil, mode: .affine)
        }
        check("[toFP8] needs a real floating-point type, got int32") { toFP8(MLXArray([1, 2])) }
        check("got int32 to be bfloat16") { fromFP8(MLXArray([1, 2])) }
    }
}

extension Tolerance {
    /// What sums of some dozens of float32 products leave.
    fileprivate static let loose = Tolerance(absolute: 1e-5, relative: 1e-5)
}
