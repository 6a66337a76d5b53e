import ComplexModule
import MLX
import TestSupport
import Testing

@Suite("Linear algebra")
struct LinalgTests {
    private static let shapes = [[4, 4], [5, 3], [3, 5], [2, 3, 4, 3], [1, 1]]

    private func matrices(_ shape: [Int], _ dtype: DType) -> MLXArray {
        let real = random(shape, dtype.isComplex ? .float32 : dtype, seed: 3)
        return dtype.isComplex ? real + random(shape, .float32, seed: 4).asImaginary() : real
    }

    private func adjoint(_ a: MLXArray) -> MLXArray { conjugate(a.swappedAxes(-1, -2)) }

    private func isClose(_ a: MLXArray, _ b: MLXArray) -> String? {
        difference(a, b, Tolerance.of(b.dtype).times(4))
    }

    private func unit(_ shape: [Int], _ dtype: DType) -> MLXArray {
        broadcast(identity(shape[shape.count - 1], dtype: dtype), to: shape)
    }

    @Test(
        "qr gives orthonormal columns and a triangle that multiply to the matrix",
        arguments: shapes, [DType.float32, .float64])
    func qr(_ shape: [Int], _ dtype: DType) {
        let a = matrices(shape, dtype)
        let (q, r) = MLXLinalg.qr(a)
        let least = min(a.dim(-1), a.dim(-2))
        #expect(q.shape == shape.dropLast() + [least])
        #expect(r.shape == shape.dropLast(2) + [least, a.dim(-1)])
        #expect(isClose(matmul(q, r), a) == nil)
        let gram = matmul(adjoint(q), q)
        #expect(isClose(gram, unit(gram.shape, dtype)) == nil)
        let below = (expandedDimensions(arange(least), axis: 1) .> arange(a.dim(-1)))
        #expect(which(below, abs(r), zeros(like: r)).max().item(Double.self) == 0)
    }

    @Test(
        "svd gives factors that multiply to the matrix",
        arguments: shapes, [DType.float32, .float64, .complex64])
    func svd(_ shape: [Int], _ dtype: DType) {
        let a = matrices(shape, dtype)
        let (u, s, vt) = MLXLinalg.svd(a)
        let least = s.dim(-1)
        #expect(u.dim(-1) == a.dim(-2) && vt.dim(-2) == a.dim(-1) && s.dtype != .complex64)
        let left = split(u, indices: [least], axis: -1)[0]
        let right = split(vt, indices: [least], axis: -2)[0]
        let product = matmul((left * expandedDimensions(s, axis: -2)).asType(dtype), right)
        #expect(isClose(product, a) == nil)
        for vectors in [u, adjoint(vt)] {
            let gram = matmul(adjoint(vectors), vectors)
            #expect(isClose(gram, unit(gram.shape, dtype)) == nil)
        }
        #expect(isClose(MLXLinalg.svd(a), s) == nil)
    }

    @Test(
        "eigh reads one triangle and gives ascending values with their vectors",
        arguments: ["L", "U"], [DType.float32, .float64, .complex64])
    func eigh(_ triangle: String, _ dtype: DType) {
        let a = matrices([2, 4, 4], dtype)
        let whole = (a + adjoint(a)) * 0.5
        let rows = expandedDimensions(arange(4), axis: 1)
        let isRead = triangle == "L" ? arange(4) .<= rows : arange(4) .>= rows
        let half = which(isRead, whole, constantArray(7, dtype))
        let (values, vectors) = MLXLinalg.eigh(half, UPLO: triangle)
        let scaled = vectors * expandedDimensions(values, axis: -2)
        #expect(isClose(scaled, matmul(whole, vectors)) == nil)
        #expect(isClose(MLXLinalg.eigvalsh(half, UPLO: triangle), values) == nil)
        let steps =
            split(values, indices: [1], axis: -1)[1] - split(values, indices: [3], axis: -1)[0]
        #expect(steps.min().item(Double.self) >= 0)
    }

    private func constantArray(_ value: Float, _ dtype: DType) -> MLXArray {
        MLXArray(value).asType(dtype)
    }

    @Test("eig gives vectors that the matrix scales", arguments: [DType.float32, .complex64])
    func eig(_ dtype: DType) {
        let a = matrices([3, 5, 5], dtype)
        let (values, vectors) = MLXLinalg.eig(a)
        #expect(values.dtype == .complex64 && vectors.dtype == .complex64)
        let scaled = vectors * expandedDimensions(values, axis: -2)
        #expect(isClose(matmul(a.asType(.complex64), vectors), scaled) == nil)
        #expect(isClose(MLXLinalg.eigvals(a), values) == nil)
        let turn = MLXLinalg.eigvals(MLXArray([0, -1, 1, 0] as [Float], [2, 2]))
        #expect(difference(turn, [0, 1, 0, -1], .of(.complex64)) == nil)
    }

    @Test("lu gives rows and triangles that multiply to the matrix", arguments: shapes)
    func lu(_ shape: [Int]) {
        let a = matrices(shape, .float64)
        let (rows, l, u) = MLXLinalg.lu(a)
        #expect(rows.dtype == .uint32 && rows.shape == Array(shape.dropLast()))
        let product = matmul(l, u)
        let places = expandedDimensions(rows, axis: -1)
        #expect(isClose(takeAlong(product, places, axis: -2), a) == nil)
        let (packed, pivots) = MLXLinalg.lu_factor(a)
        #expect(
            packed.shape == shape && pivots.shape == shape.dropLast(2) + [min(a.dim(-1), a.dim(-2))]
        )
    }

    @Test("lu_factor swaps rows as MLX does")
    func pivots() {
        let a = MLXArray([0, 1, 2, 3, 4, 5, 6, 7, 9] as [Float], [3, 3])
        let (packed, pivots) = MLXLinalg.lu_factor(a)
        #expect(numbers(pivots) == [2, 2, 2])
        #expect(numbers(packed) == [6, 7, 9, 0, 1, 2, 0.5, 0.5, -0.5])
        #expect(numbers(MLXLinalg.lu(a).0) == [1, 2, 0])
    }

    @Test("solve takes vectors, matrices, batches and mixed types")
    func solve() {
        let a = matrices([4, 3, 3], .float32) + identity(3) * 3
        for shape in [[3], [3, 2], [4, 3, 2], [2, 1, 3, 1]] {
            let b = matrices(shape, .float64)
            let x = MLXLinalg.solve(a, b)
            let column = shape.count == 1 ? expandedDimensions(x, axis: -1) : x
            let right = shape.count == 1 ? expandedDimensions(b, axis: -1) : b
            let product = matmul(a, column)
            #expect(x.dtype == .float64)
            #expect(isClose(product, broadcast(right, to: product.shape)) == nil, "\(shape)")
        }
    }

    @Test("triangular functions do not read the other triangle")
    func triangles() {
        let a = MLXArray([2, 9, 3, 4] as [Float], [2, 2])
        #expect(numbers(MLXLinalg.triInv(a)) == [0.5, 0, -0.375, 0.25])
        #expect(numbers(MLXLinalg.triInv(a, upper: true)) == [0.5, -1.125, 0, 0.25])
        let one = MLXArray([1, 1] as [Float])
        #expect(numbers(MLXLinalg.solveTriangular(a, one)) == [0.5, -0.125])
        #expect(numbers(MLXLinalg.solveTriangular(a, one, upper: true)) == [-0.625, 0.25])
    }

    @Test("cholesky and its inverse agree with the matrix", arguments: [false, true])
    func cholesky(_ upper: Bool) {
        let b = matrices([3, 4, 4], .float64)
        let a = matmul(b, adjoint(b)) + identity(4, dtype: .float64)
        let factor = MLXLinalg.cholesky(a, upper: upper)
        let other = factor.swappedAxes(-1, -2)
        #expect(isClose(upper ? matmul(other, factor) : matmul(factor, other), a) == nil)
        #expect(isClose(MLXLinalg.choleskyInv(factor, upper: upper), MLXLinalg.inv(a)) == nil)
    }

    @Test("pinv passes over singular values that are zero")
    func pseudoInverse() {
        let column = matrices([5, 1], .float32)
        let a = matmul(column, matrices([1, 3], .float32))
        let p = MLXLinalg.pinv(a)
        #expect(p.shape == [3, 5])
        #expect(isClose(matmul(matmul(a, p), a), a) == nil)
        #expect(isClose(matmul(matmul(p, a), p), p) == nil)
    }

    @Test("half types are computed as float32")
    func halves() {
        let a = (matrices([3, 3], .float32) + identity(3) * 3).asType(.float16)
        let inverse = MLXLinalg.inv(a)
        #expect(inverse.dtype == .float16)
        #expect(difference(inverse, MLXLinalg.inv(a.asType(.float32)).asType(.float16)) == nil)
        #expect(MLXLinalg.qr(a).1.dtype == .float16)
        #expect((MLXLinalg.svd(a) as MLXArray).dtype == .float16)
    }

    @Test("wrong input is refused by name")
    func refusals() {
        let square = identity(3)
        let calls: [(String, () -> MLXArray)] = [
            ("[inv] needs matrices", { MLXLinalg.inv(MLXArray([1, 2] as [Float])) }),
            ("[inv] needs square matrices", { MLXLinalg.inv(zeros([2, 3])) }),
            ("[inv] needs one of float32", { MLXLinalg.inv(square.asType(.int32)) }),
            ("[inv] the matrix is singular", { MLXLinalg.inv(zeros([3, 3])) }),
            ("[inv] matrix 1 of 2 is singular", { MLXLinalg.inv(stacked([square, square * 0])) }),
            ("[solve] the matrix is singular", { MLXLinalg.solve(zeros([3, 3]), ones([3])) }),
            ("[solve] right sides", { MLXLinalg.solve(square, ones([4])) }),
            ("[triInv] the matrix is singular", { MLXLinalg.triInv(zeros([3, 3])) }),
            ("[cholesky] the matrix is not positive definite", { MLXLinalg.cholesky(-square) }),
            ("[svd] no elements", { MLXLinalg.svd(zeros([0, 3])) }),
            ("[eigh] UPLO", { MLXLinalg.eigh(square, UPLO: "X").0 }),
            ("[cross] axis", { MLXLinalg.cross(ones([4]), ones([3])) }),
            ("[norm] takes one axis", { MLXLinalg.norm(ones([2, 2, 2]), ord: 1) }),
            ("[norm] 'fro'", { MLXLinalg.norm(ones([2]), ord: .fro) }),
            ("[norm] of order 3", { MLXLinalg.norm(ones([2, 2]), ord: 3) }),
            ("[eig] has no derivative", { grad { abs(MLXLinalg.eigvals($0)).sum() }(square) }),
            ("[lu] has no derivative", { grad { MLXLinalg.lu($0).2.sum() }(square) }),
        ]
        for (message, call) in calls {
            let error = #expect(throws: MLXError.self) { try withError { call().eval() } }
            #expect("\(error.map { "\($0)" } ?? "")".hasPrefix(message))
        }
    }

    @Test("gradients of complex functions point where MLX's point")
    func complexGradients() {
        let a = complex([(1, 2), (3, -1)])
        let b = complex([(0.5, -1), (2, 0.25)])
        let cotangent = complex([(1, 0.5), (-2, 1)])
        func gradients(_ f: @escaping (MLXArray, MLXArray) -> MLXArray) -> [[Double]] {
            vjp({ [f($0[0], $0[1])] }, primals: [a, b], cotangents: [cotangent]).1.map(numbers)
        }
        #expect(gradients { $0 * $1 } == [[0, 1.25, -3.75, 2.5], [2, -1.5, -7, 1]])
        #expect(gradients { x, _ in conjugate(x) }[0] == [1, -0.5, -2, -1])
        #expect(gradients { x, _ in square(x) }[0] == [4, -3, -14, 2])
        let products = vjp(
            { [matmul($0[0], $0[1])] }, primals: [a.reshaped(1, 2), b.reshaped(2, 1)],
            cotangents: [complex([(1, 0.5)]).reshaped(1, 1)]
        ).1
        #expect(numbers(products[0]) == [0, 1.25, 2.125, 0.75])
        #expect(numbers(products[1]) == [2, -1.5, 2.5, 2.5])
        let one = MLXArray([1, 2] as [Float])
        let magnitude = vjp({ [abs($0[0])] }, primals: [a], cotangents: [one]).1[0]
        let expected = [0.447214, 0.894427, 1.897367, -0.632456]
        #expect(difference(magnitude, expected, .of(.complex64)) == nil)
        let imaginary = vjp({ [$0[0].imaginaryPart()] }, primals: [a], cotangents: [one]).1[0]
        #expect(numbers(imaginary) == [0, 1, 0, 2])
        let slope = jvp({ [abs($0[0])] }, primals: [a], tangents: [a]).1[0]
        #expect(difference(slope, abs(a)) == nil)
    }

    private func complex(_ values: [(Float, Float)]) -> MLXArray {
        MLXArray(values.map { Complex($0.0, $0.1) })
    }
}
