import MLX

extension PrimitiveCase {
    /// Rows whose functions compute half types as float32 and round once, as their primitives do.
    private static func row(
        _ primitive: String, _ aspect: String, _ inputs: [Input], large: [Input]? = nil,
        step: Double? = nil, _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
    ) -> PrimitiveCase {
        PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: inputs, large: large ?? inputs,
            isElementwise: false, step: step
        ) { arrays in
            let result = function(arrays.map { $0.asType($0.dtype.computed) })
            return arrays[0].dtype.isHalf ? result.asType(arrays[0].dtype) : result
        }
    }

    private static func reals(_ shape: [Int], step: Double? = nil) -> Input {
        Input(shape: shape, content: .reals(-1...1, step: step))
    }

    private static func integers(_ shape: [Int]) -> Input {
        Input(shape: shape, content: .integers(-9...9))
    }

    private static let square = [reals([2, 3, 3])]
    private static let tall = [reals([2, 4, 3])]
    private static let many = [reals([40, 5, 5])]
    private static let systems = [reals([2, 3, 3]), reals([2, 3, 2])]
    private static let manySystems = [reals([40, 5, 5]), reals([40, 5, 3])]

    /// A matrix far from singular, with distinct singular values.
    private static func steep(_ a: MLXArray) -> MLXArray {
        let rows = a.dim(-2)
        let columns = a.dim(-1)
        let diagonal = (arange(columns) + 2).asType(a.dtype) * 2
        return a * 0.3 + eye(rows, m: columns, dtype: a.dtype) * diagonal
    }

    private static func symmetric(_ a: MLXArray) -> MLXArray {
        let shifted = steep(a)
        return (shifted + shifted.swappedAxes(-1, -2)) * 0.5
    }

    static let linalg = [
        row("Inverse", "", square, large: many) { MLXLinalg.inv(steep($0[0])) },
        row("TriangularInverse", "of a lower one", square, large: many) {
            MLXLinalg.triInv(steep($0[0]))
        },
        row("TriangularInverse", "of an upper one", square, large: many) {
            MLXLinalg.triInv(steep($0[0]), upper: true)
        },
        row("Solve", "", systems, large: manySystems) { MLXLinalg.solve(steep($0[0]), $0[1]) },
        row("SolveTriangular", "with a lower one", systems, large: manySystems) {
            MLXLinalg.solveTriangular(steep($0[0]), $0[1])
        },
        row("SolveTriangular", "with an upper one", systems, large: manySystems) {
            MLXLinalg.solveTriangular(steep($0[0]), $0[1], upper: true)
        },
        row("PseudoInverse", "of tall matrices", tall) { MLXLinalg.pinv(steep($0[0])) },
        row("PseudoInverse", "of wide matrices", [reals([2, 3, 4])]) {
            MLXLinalg.pinv(steep($0[0]))
        },
        row("Cholesky", "lower", square, large: many) { MLXLinalg.cholesky(symmetric($0[0])) },
        row("Cholesky", "upper", square, large: many) {
            MLXLinalg.cholesky(symmetric($0[0]), upper: true)
        },
        row("QR", "the orthonormal columns", tall) { MLXLinalg.qr(steep($0[0])).0 },
        row("QR", "the triangle", square, large: many) { MLXLinalg.qr(steep($0[0])).1 },
        row("QR", "of wide matrices", [reals([3, 5])]) {
            let (q, r) = MLXLinalg.qr(steep($0[0]))
            return matmul(q, r * r)
        },
        row("LU", "", [integers([2, 3, 4])]) { MLXLinalg.lu_factor($0[0].asType(.float64)).0 },
        row("SVD", "the values", tall) { MLXLinalg.svd(steep($0[0])) as MLXArray },
        row("SVD", "the polar factor", square) {
            let (u, s, vt) = MLXLinalg.svd(steep($0[0]))
            return matmul(u * expandedDimensions(sqrt(s), axis: -2), vt)
        },
        row("Eigh", "the values", square, large: many) { MLXLinalg.eigvalsh(symmetric($0[0])) },
        row("Eigh", "a function of the matrix", square) {
            let (values, vectors) = MLXLinalg.eigh(symmetric($0[0]), UPLO: "U")
            let scaled = vectors * expandedDimensions(log(values), axis: -2)
            return matmul(scaled, vectors.swappedAxes(-1, -2))
        },
        row("Eig", "the values", [integers([2, 3, 3])]) {
            MLXLinalg.eigvals($0[0].asType(.float64))
        },
        row("Eig", "the vectors", [integers([2, 3, 3])]) {
            MLXLinalg.eig($0[0].asType(.float64)).1
        },
    ]

    /// Fractions that float32 holds, since transforms are rounded to it.
    private static func fractions(_ shape: [Int]) -> [Input] {
        [reals(shape, step: 0x1p-10), reals(shape, step: 0x1p-10)]
    }

    /// A row of a linear function of complex numbers; the step is large, as no step is too large.
    private static func complexRow(
        _ primitive: String, _ aspect: String, _ shape: [Int], large: [Int]? = nil,
        _ function: @escaping @Sendable (MLXArray) -> MLXArray
    ) -> PrimitiveCase {
        row(
            primitive, aspect, fractions(shape), large: large.map { fractions($0) }, step: 8
        ) {
            let result = function($0[0].asType(.complex64) + $0[1].asImaginary())
            let mixed = result.realPart() + result.imaginaryPart() * 0.5
            return mixed.asType($0[0].dtype)
        }
    }

    static let fourier = [
        complexRow("FourierTransform", "along the last axis", [3, 10], large: [50, 600]) {
            MLXFFT.fft($0)
        },
        complexRow("FourierTransform", "along the first axis", [6, 4], large: [210, 40]) {
            MLXFFT.fft($0, axis: 0)
        },
        complexRow("FourierTransform", "of a prime length, back", [2, 37], large: [8, 1009]) {
            MLXFFT.ifft($0)
        },
        complexRow("RealFourierTransform", "of an even length", [3, 8], large: [30, 1000]) {
            MLXFFT.rfft($0.imaginaryPart())
        },
        complexRow("RealFourierTransform", "of an odd length", [7, 3], large: [77, 30]) {
            MLXFFT.rfft($0.realPart(), axis: 0)
        },
        complexRow("InverseRealFourierTransform", "of an even length", [3, 5], large: [30, 501]) {
            MLXFFT.irfft($0)
        },
        complexRow("InverseRealFourierTransform", "of an odd length", [4, 3], large: [65, 30]) {
            MLXFFT.irfft($0, n: 7, axis: 0)
        },
        complexRow("Conjugate", "", [3, 4], large: [200_003]) { $0.conjugate() },
        complexRow("ImaginaryPart", "", [3, 4], large: [200_003]) { $0.imaginaryPart() },
    ]
}
