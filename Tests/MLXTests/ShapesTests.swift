import MLX
import TestSupport
import Testing

@Suite("Views, arrangements and factories")
struct ShapesTests {
    private func message(_ body: () -> MLXArray) -> String {
        do {
            _ = try withError { body().shape }
            return ""
        } catch { return "\(error)" }
    }

    @Test("give mlx's shapes and values")
    func arrangements() {
        let x = arange(6).reshaped(2, 3)
        #expect(atLeast1D(MLXArray(1)).shape == [1] && atLeast2D(arange(3)).shape == [1, 3])
        #expect(
            atLeast3D(MLXArray(1)).shape == [1, 1, 1] && atLeast3D(arange(3)).shape == [1, 3, 1])
        #expect(atLeast3D(x).shape == [2, 3, 1] && atLeast2D(x).shape == [2, 3])
        #expect(unflatten(arange(24), axis: 0, shape: [2, -1, 3]).shape == [2, 4, 3])
        #expect(flatten(zeros([2, 3, 4]), startAxis: 1).shape == [2, 12])
        #expect(roll(x, shift: 1, axes: [0, 1]).asArray(Int.self) == [5, 3, 4, 2, 0, 1])
        #expect(roll(x, shift: 2).asArray(Int.self) == [4, 5, 0, 1, 2, 3])
        #expect(tiled(arange(2), repetitions: [2, 2]).shape == [2, 4])
        #expect(tiled(arange(2), repetitions: 2).asArray(Int.self) == [0, 1, 0, 1])
        #expect(repeated(x, count: 2).asArray(Int.self) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
        #expect(
            x.transposed(axes: [1, 0]).shape == [3, 2] && arange(3).transposed(axis: 0).size == 3)
        let grids = meshGrid([arange(2), arange(3)])
        #expect(grids[0].asArray(Int.self) == [0, 1, 0, 1, 0, 1])
        #expect(grids[1].asArray(Int.self) == [0, 0, 1, 1, 2, 2])
        let sparse = meshGrid([arange(2), arange(3)], sparse: true, indexing: .ij)
        #expect(sparse.map(\.shape) == [[2, 1], [1, 3]])
        #expect(split(arange(5), indices: [-2, 9]).map(\.size) == [3, 2, 0])
    }

    @Test("come in all forms of factories")
    func factories() {
        #expect(linspace(0, 1, count: 3).asArray(Float.self) == [0, 0.5, 1])
        #expect(linspace(Float(0), 7, count: 50)[-1].item(Float.self) == 7)
        #expect(linspace(Float16(1), 2, count: 2).dtype == .float16)
        #expect(MLXArray.linspace(2.0, 3.0, count: 1).asArray(Float.self) == [2])
        #expect(linspace(0, 1, count: 0).shape == [0])
        #expect(arange(3).dtype == .int32 && arange(0.0, 1, step: 0.3).size == 4)
        #expect(MLXArray.arange(5, 0, step: -2).asArray(Int.self) == [5, 3, 1])
        #expect(arange(2, dtype: .uint8).dtype == .uint8 && arange(3.5).size == 4)
        #expect(full([2, 2], values: 3).dtype == .int32)
        #expect(full([2], values: 3, type: Float.self).dtype == .float32)
        #expect(MLXArray.full([2], values: MLXArray(3)).dtype == .int32)
        #expect(eye(2, m: 3, k: 1).asArray(Float.self) == [0, 1, 0, 0, 0, 1])
        #expect(identity(2, type: Int32.self).asArray(Int.self) == [1, 0, 0, 1])
        #expect(tri(2, m: 3, k: 1).asArray(Float.self) == [1, 1, 0, 1, 1, 1])
        #expect(MLXArray.zeros(like: arange(2)).dtype == .int32)
        #expect(MLXArray.repeated(arange(2), count: 2).size == 4)
    }

    @Test("see memory without a copy")
    func views() {
        let x = arange(12).reshaped(3, 4)
        #expect(
            asStrided(x, [2, 2], strides: [5, 1], offset: 1).asArray(Int.self) == [1, 2, 6, 7])
        let turned: [Int]? = nil
        #expect(asStrided(x.T, [3], strides: turned).asArray(Int.self) == [0, 4, 8])
        #expect(view(MLXArray([1.5 as Float]), dtype: .uint8).asArray(Int.self) == [0, 0, 192, 63])
        let bytes = ones([2, 4], dtype: .uint8)
        #expect(bytes.view(dtype: .int32).asArray(Int.self) == [16_843_009, 16_843_009])
        #expect(bytes.T.view(dtype: .int8).shape == [4, 2])
        let columns = contiguous(x[0..., .stride(by: 2)].asType(.int16)).view(dtype: .int32)
        #expect(columns.asArray(Int.self) == [2 << 16, 4 | 6 << 16, 8 | 10 << 16])
        #expect(x.diag(k: 1).asArray(Int.self) == [1, 6, 11])
        #expect(diagonal(x, offset: 9).shape == [0])
        #expect(diag(ones([2]), k: -1).sum().item(Float.self) == 2)
        #expect(trace(ones([3, 3], dtype: .uint8)).dtype == .uint32)
        #expect(message { asStrided(x, [4, 4], strides: [4, 1]) }.contains("[asStrided]"))
        #expect(message { view(ones([3], dtype: .uint8), dtype: .int32) }.contains("[view]"))
        #expect(message { tril(arange(3)) }.contains("[tril]"))
    }

    @Test("pad by values and edges")
    func padding() {
        let x = arange(4).reshaped(2, 2)
        #expect(padded(x, width: 1).shape == [4, 4])
        #expect(
            padded(x, widths: [[1, 0]], mode: .edge).asArray(Int.self)
                == [0, 0, 1, 0, 0, 1, 2, 2, 3])
        let seven = padded(arange(2), width: [1, 2], value: MLXArray(7))
        #expect(seven.asArray(Int.self) == [7, 0, 1, 7, 7])
        #expect(message { padded(x, widths: [[-1, 0]]) }.contains("[padded]"))
    }

    @Test("keep vectors of length 0 and half types when they are normalized")
    func normalized() {
        let x = MLXArray([3, 4, 0, 0] as [Float], [2, 2])
        #expect(difference(x.l2Normalized(), [0.6, 0.8, 0, 0], .of(.float32)) == nil)
        let slope = grad { $0.l2Normalized().sum() }(x)
        #expect(numbers(slope).allSatisfy { $0.isFinite })
        let large = full([1000], values: MLXArray(100), dtype: .float16).l2Normalized()
        #expect(difference(large.sum(), [31.62], .of(.float16)) == nil)
        #expect(MLXArray.maskFill(for: .float16).item(Float.self) == -65504)
    }

    @Test("compute an array after those that it depends on")
    func dependencies() throws {
        let late = MLXArray([1, 2]) + 1
        let result = depends(inputs: [arange(2), arange(3)], dependencies: [late])
        eval(result)
        #expect(result.map(\.size) == [2, 3])
        let failing = take(arange(2), MLXArray([5]), axis: 0)
        #expect(throws: (any Error).self) {
            try withError { depends(input: arange(2), dependencies: [failing]).eval() }
        }
    }
}

@Suite("Convolutions and contractions")
struct ContractionTests {
    private func message(_ body: () -> MLXArray) -> String {
        do {
            _ = try withError { body().shape }
            return ""
        } catch { return "\(error)" }
    }

    @Test("of integers and complex numbers sum products")
    func types() {
        let a = arange(6).reshaped(2, 3)
        #expect(einsum("ij,kj->ik", a, a).asArray(Int.self) == [5, 14, 14, 50])
        #expect(
            tensordot(a, a.T).dtype == .int32 && inner(a, a).asArray(Int.self) == [5, 14, 14, 50])
        #expect(tensordot(a, a, axes: ((0, 1), (0, 1))).item(Int.self) == 55)
        #expect(tensordot(a, arange(2), axes: 0).shape == [2, 3, 2])
        let z = a.asType(.complex64) * MLXArray(real: 0, imaginary: 1)
        #expect(difference(einsum("ij,ij", z, z), [-55, 0], .of(.complex64)) == nil)
        #expect(einsum("ij->", ones([2, 3])).item(Float.self) == 6)
        #expect(einsum(" i j , j ", ones([2, 3]), ones([1])).asArray(Float.self) == [3, 3])
    }

    @Test("take the cheapest product first")
    func path() {
        // In the written order the first product alone would hold 4·10⁸ numbers.
        let (row, column) = (ones([1, 20_000]), ones([20_000, 1]))
        let result = einsum("ab,cd,bc,da->", row, row, column, column)
        #expect(difference(result, [4e8], Tolerance(absolute: 0, relative: 1e-6)) == nil)
    }

    @Test("refuse what does not fit, at the call")
    func refusals() {
        let a = ones([2, 3])
        for formula in [
            "ij", "ij,jk,kl", "ij,kl->ijx", "ij,ik", "ij,jk->ii", "i.,jk", "i1,jk", "ij,jk-",
        ] {
            #expect(
                message { einsum(formula, a, ones([3, 2])) }.hasPrefix("[einsum]"), "\(formula)")
        }
        #expect(message { tensordot(a, a, axes: ([0], [1])) }.contains("[tensordot]"))
        #expect(message { conv1d(a, a) }.hasPrefix("[conv1d]"))
        #expect(message { conv3d(ones([1, 2, 2, 2, 1]), ones([1, 3, 3, 3, 1])) } != "")
        #expect(message { convTransposed1d(ones([1, 3, 2]), ones([1, 3, 1])) } != "")
        #expect(message { hadamardTransform(ones([6])) }.contains("[hadamardTransform]"))
        #expect(message { convolve(a, a) }.contains("[convolve]"))
        #expect(message { segmentedMM(a, a.T, segments: MLXArray([0, 1])) } == "")
        #expect(throws: (any Error).self) {
            try withError { segmentedMM(a, a.T, segments: MLXArray([0, 4])).eval() }
        }
        #expect(throws: (any Error).self) {
            try withError {
                gatherMM(ones([2, 1, 1]), ones([2, 1, 1]), rhsIndices: MLXArray([0, 2])).eval()
            }
        }
    }

    @Test("over an inner axis without elements are zeros")
    func empty() {
        #expect(matmul(zeros([2, 3, 0]), zeros([0, 4])).shape == [2, 3, 4])
        #expect(numbers(matmul(zeros([2, 0]), zeros([0, 2]))) == [0, 0, 0, 0])
        #expect(matmul(ones([3]), ones([2, 3, 4])).shape == [2, 4])
        #expect(matmul(ones([2, 4, 3]), ones([3])).shape == [2, 4])
        #expect(message { matmul(MLXArray(1), ones([2])) } != "")
        #expect(message { matmul(arange(2), arange(2)) } != "")
        #expect(
            addMM(1, ones([2, 3]), ones([3, 2]), alpha: 2, beta: 3).asArray(Float.self)
                == [9, 9, 9, 9])
    }

    @Test("with masked blocks leave out what is masked")
    func blocks() {
        let a = random([40, 70], seed: 1)
        let b = random([70, 33], seed: 2)
        let left = MLXArray([true, false, true, false, true, true], [2, 3])
        let out = MLXArray([1, 0.5, 2, 0] as [Float], [2, 2])
        let mask = { (mask: MLXArray, rows: Int, columns: Int) in
            repeated(repeated(mask, count: 32, axis: 0), count: 32, axis: 1)[..<rows, ..<columns]
        }
        let expected = matmul(a * mask(left, 40, 70), b) * mask(out, 40, 33)
        let result = blockMaskedMM(a, b, blockSize: 32, maskOut: out, maskLHS: left)
        #expect(difference(result, expected) == nil)
        // What is masked does not matter, whatever it is.
        let spoiled = which(mask(left, 40, 70), a, Float.nan)
        let clean = blockMaskedMM(spoiled, b, blockSize: 32, maskOut: out, maskLHS: left)
        #expect(difference(clean, expected) == nil)
    }

    @Test(
        "by Hadamard's matrices keep lengths and undo themselves",
        arguments: [1, 128, 256, 1024, 24, 80, 224])
    func hadamard(_ size: Int) {
        let x = random([3, size], .float64, seed: 3)
        let result = hadamardTransform(x)
        #expect(difference(square(result).sum(axis: 1), square(x).sum(axis: 1)) == nil)
        if size.nonzeroBitCount == 1 { #expect(difference(hadamardTransform(result), x) == nil) }
        #expect(hadamardTransform(x.asType(.bfloat16)).dtype == .bfloat16)
    }

    @Test("transposed are the gradients of convolutions")
    func transposes() {
        let weight = random([3, 2, 3, 2], .float64, seed: 4)
        let image = random([1, 5, 7, 2], .float64, seed: 5)
        let dy = random([1, 2, 3, 3], .float64, seed: 6)
        let (_, gradients) = vjp(
            { [conv2d($0[0], weight, stride: [2, 3], padding: [0, 1])] }, primals: [image],
            cotangents: [dy])
        let turned = transposed(weight, axes: [3, 1, 2, 0])
        let result = convTransposed2d(
            dy, turned, stride: [2, 3], padding: [0, 1], outputPadding: [1, 0])
        #expect(difference(result, gradients[0]) == nil)
    }

    @Test("over a batch are those of each member")
    func batches() {
        let x = random([3, 1, 4, 5, 2], seed: 7)
        let w = random([3, 2, 2, 2, 1], seed: 8)
        let functions: [(MLXArray, MLXArray) -> MLXArray] = [
            { conv2d($0, $1, padding: 1, groups: 2) },
            { convTransposed2d($0, $1, stride: 2, groups: 2) },
            { einsum("abcd,efgi->cdg", $0, $1) },
            { hadamardTransform($0[0..., 0..., ..<4, 0...].swappedAxes(2, 3)) + $1[0, 0, 0, 0] },
            { roll(padded($0, width: 1, mode: .edge), shift: 3) + $1.sum() },
            { trace($0, axis1: 1, axis2: 2) * trace($1) },
            { kron($0, $1) },
        ]
        for (index, function) in functions.enumerated() {
            let result = vmap(function)(x, w)
            let single = stacked((0..<3).map { function(x[$0], w[$0]) })
            #expect(difference(result, single) == nil, "\(index)")
            let one = vmap(function, inAxes: (0, nil))(x, w[0])
            #expect(difference(one[2], function(x[2], w[0])) == nil, "\(index)")
        }
    }

    @Test("of 4096 ones in half types give 4096")
    func halves() {
        let ones = MLXArray.ones([1, 4096], dtype: .bfloat16)
        #expect(einsum("ij,kj->", ones, ones).item(Float.self) == 4096)
        #expect(asStrided(ones, [4096, 1], strides: [0, 1]).shape == [4096, 1])
        let (_, slope) = vjp(
            { [asStrided($0[0], [4096], strides: [0])] },
            primals: [MLXArray.ones([1], dtype: .bfloat16)],
            cotangents: [MLXArray.ones([4096], dtype: .bfloat16)])
        #expect(slope[0].item(Float.self) == 4096)
        let segments = MLXArray([0, 4096])
        #expect(segmentedMM(ones, ones.T, segments: segments).item(Float.self) == 4096)
    }
}

@Suite("jvp and vmap of strided views and grouped products")
struct ShapesTransformTests {
    private static let rows = (PrimitiveCase.strided + PrimitiveCase.grouped)

    @Test("jvp agrees with vjp", arguments: rows.filter { !$0.differentiable.isEmpty })
    func tangents(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let tangents = inputs.enumerated().map {
            random($1.shape, .float64, seed: 31 + UInt64($0))
        }
        let f = { (x: [MLXArray]) in [row.function(x)] }
        let (outputs, forward) = jvp(f, primals: inputs, tangents: tangents)
        let weights = random(outputs[0].shape, .float64, seed: 41)
        let (_, back) = vjp(f, primals: inputs, cotangents: [weights])
        let right = zip(back, tangents).reduce(MLXArray(float64: 0)) { $0 + ($1.0 * $1.1).sum() }
        #expect(
            difference(
                (forward[0] * weights).sum(), right, Tolerance(absolute: 1e-10, relative: 1e-10))
                == nil)
    }

    @Test("vmap is a stack of single calls, over every axis and set of inputs", arguments: rows)
    func batches(_ row: PrimitiveCase) {
        let single = row.arrays(.float32)
        for chosen in 1..<(1 << single.count) {
            for axis in 0...2 {
                let axes = single.indices.map { chosen >> $0 & 1 == 1 ? Int?(axis) : nil }
                let members = single.indices.map { index in
                    (0..<3).map { member in
                        axes[index] == nil ? single[index] : single[index] + member
                    }
                }
                let inputs = single.indices.map { index in
                    axes[index].map { stacked(members[index], axis: $0) } ?? single[index]
                }
                let result = vmap({ [row.function($0)] }, inAxes: axes)(inputs)[0]
                let expected = stacked((0..<3).map { m in row.function(members.map { $0[m] }) })
                #expect(difference(result, expected, Tolerance.of(expected.dtype).times(4)) == nil)
            }
        }
    }

    @Test("gatherMM picks by indices that a batch has")
    func pickedBatches() {
        let a = random([2, 2, 3], seed: 51)
        let b = random([3, 3, 2], seed: 52)
        let indices = MLXArray([0, 2, -1, 1], [2, 2])
        let f = { (i: MLXArray) in gatherMM(a, b, lhsIndices: MLXArray([1, 0]), rhsIndices: i) }
        let result = vmap(f)(indices)
        #expect(difference(result, stacked([f(indices[0]), f(indices[1])])) == nil)
    }
}
