/// Linear algebra, on every matrix of the two inner axes.
///
/// Matrices are float32 or float64, and complex64 where that is said; half types are computed as
/// float32. LAPACK works in double, so that float32 results are rounded once. A matrix that a
/// function is not defined for, as the inverse of a singular one, is an error of the evaluation.
public enum MLXLinalg {
    /// A norm of matrices that has a name.
    public enum NormKind: String, Sendable {
        /// The square root of the sum of all squares.
        case fro
        /// The sum of the singular values.
        case nuc
    }

    /// Q [m, k] with orthonormal columns and upper triangular R [k, n], whose product is the
    /// matrix [m, n]; k is the smaller of m and n.
    public static func qr(_ array: MLXArray, stream: StreamOrDevice = .default) -> (
        MLXArray, MLXArray
    ) {
        let a = computed(array)
        guard a.ndim >= 2, a.dim(-2) < a.dim(-1) else {
            let results = MLXArray.applyAll(QR(), [a], placeholders: 2)
            return (narrowed(results[0], array), narrowed(results[1], array))
        }
        // The first columns decide the factors; the others follow.
        let parts = split(a, indices: [a.dim(-2)], axis: -1)
        let results = MLXArray.applyAll(QR(), [parts[0]], placeholders: 2)
        let r = concatenated([results[1], matmul(turned(results[0]), parts[1])], axis: -1)
        return (narrowed(results[0], array), narrowed(r, array))
    }

    /// Left singular vectors U [m, m], singular values S in descending order, and Vᴴ [n, n]:
    /// the matrix is U·S·Vᴴ. Takes complex64.
    @_disfavoredOverload
    public static func svd(_ array: MLXArray, stream: StreamOrDevice = .default) -> (
        MLXArray, MLXArray, MLXArray
    ) {
        let results = MLXArray.applyAll(
            SVD(vectors: .full), [computed(array)], placeholders: 3)
        return (
            narrowed(results[0], array), narrowed(results[1], array), narrowed(results[2], array)
        )
    }

    /// The singular values in descending order. Takes complex64.
    public static func svd(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        narrowed(MLXArray.apply(SVD(vectors: .none), [computed(array)]), array)
    }

    /// The inverses of square matrices.
    public static func inv(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        narrowed(MLXArray.apply(Inverse(), [computed(array)]), array)
    }

    /// The inverses of lower or upper triangular matrices, whose other triangle is not read.
    public static func triInv(
        _ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        narrowed(MLXArray.apply(TriangularInverse(isUpper: upper), [computed(array)]), array)
    }

    /// The lower triangular L with L·Lᵀ = A, or the upper U with Uᵀ·U = A, for positive definite
    /// matrices, of which that triangle is read.
    public static func cholesky(
        _ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        narrowed(MLXArray.apply(Cholesky(isUpper: upper), [computed(array)]), array)
    }

    /// The inverses of the matrices whose Cholesky factors are given.
    public static func choleskyInv(
        _ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let inverse = MLXArray.apply(TriangularInverse(isUpper: upper), [computed(array)])
        let product =
            upper ? matmul(inverse, turned(inverse)) : matmul(turned(inverse), inverse)
        return narrowed(product, array)
    }

    /// The cross products of vectors along an axis, of three elements, or two for a zero third.
    /// Shapes broadcast, types promote.
    public static func cross(
        _ a: MLXArray, _ b: MLXArray, axis: Int = -1, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let rank = max(a.ndim, b.ndim)
        let position = axis < 0 ? axis + rank : axis
        let vectors = [a, b].map { array in
            reshaped(array, [Int](repeating: 1, count: rank - array.ndim) + array.shape)
        }
        guard 0..<rank ~= position, vectors.allSatisfy({ 2...3 ~= $0.shape[position] }) else {
            ErrorHandler.report(
                .caught(
                    "[cross] axis \(axis) must have 2 or 3 elements: got shapes \(a.shape) and "
                        + "\(b.shape)"))
            return a
        }
        let parts = vectors.map { vector in
            (0..<vector.shape[position]).map {
                sliced(vector, axis: position, start: $0, count: 1)
            }
        }
        let (p, q) = (parts[0], parts[1])
        /// Component i of the first times component j of the second; nil where one is missing.
        func product(_ i: Int, _ j: Int) -> MLXArray? {
            p.indices ~= i && q.indices ~= j ? p[i] * q[j] : nil
        }
        let third = p[0] * q[1] - p[1] * q[0]
        let pairs = [(product(1, 2), product(2, 1)), (product(2, 0), product(0, 2))]
        let others = pairs.map { ($0 ?? zeros(like: third)) - ($1 ?? zeros(like: third)) }
        return concatenated(others + [third], axis: position)
    }

    /// For every row of the matrix its row in L·U as uint32, L [m, k] with ones on the diagonal,
    /// and U [k, n]: the matrix is `L[rows, :]`·U. Derivatives are not known.
    public static func lu(_ a: MLXArray, stream: StreamOrDevice = .default) -> (
        MLXArray, MLXArray, MLXArray
    ) {
        let results = MLXArray.applyAll(LU(), [computed(a)], placeholders: 3)
        guard results[0].ndim >= 2 else { return (results[2], results[0], results[1]) }
        let factors = results[0]
        let least = min(factors.dim(-1), factors.dim(-2))
        let left = split(factors, indices: [least], axis: -1)[0]
        let unit = eye(factors.dim(-2), m: least, dtype: factors.dtype)
        let lower = triangle(left, isUpper: false, k: -1) + unit
        let upper = triangle(split(factors, indices: [least], axis: -2)[0], isUpper: true)
        return (results[2], narrowed(lower, a), narrowed(upper, a))
    }

    /// L, without its ones, and U in one matrix [m, n]; and for each step the row, counted from 0
    /// as uint32, that was swapped with the step's. Derivatives are not known.
    public static func lu_factor(_ a: MLXArray, stream: StreamOrDevice = .default) -> (
        MLXArray, MLXArray
    ) {
        let results = MLXArray.applyAll(LU(), [computed(a)], placeholders: 3)
        return (narrowed(results[0], a), results[1])
    }

    /// The solutions x of a·x = b for square matrices `a` [n, n] and right sides `b` [n, k], or [n]
    /// where `b` has one axis. Axes before the matrices broadcast, types promote.
    public static func solve(_ a: MLXArray, _ b: MLXArray, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        solved(a, b, Solve())
    }

    /// The solutions x of a·x = b for lower or upper triangular matrices, whose other triangle is
    /// not read; otherwise as ``solve(_:_:)``.
    public static func solveTriangular(
        _ a: MLXArray, _ b: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        solved(a, b, SolveTriangular(isUpper: upper))
    }

    /// The eigenvalues of square matrices and, as columns, their eigenvectors of length 1, in no
    /// particular order; both complex64. Takes complex64. Derivatives are not known.
    public static func eig(_ array: MLXArray, stream: StreamOrDevice = .default) -> (
        MLXArray, MLXArray
    ) {
        let results = MLXArray.applyAll(Eig(hasVectors: true), [computed(array)], placeholders: 2)
        return (results[0], results[1])
    }

    /// The eigenvalues of square matrices as complex64. Takes complex64. Derivatives are not known.
    public static func eigvals(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        MLXArray.apply(Eig(hasVectors: false), [computed(array)])
    }

    /// The eigenvalues in ascending order and, as columns, the eigenvectors of matrices that are
    /// their own adjoints. Takes complex64.
    ///
    /// - Parameter UPLO: the triangle that is read: "L" or "U"
    public static func eigh(
        _ array: MLXArray, UPLO: String = "L", stream: StreamOrDevice = .default
    ) -> (MLXArray, MLXArray) {
        let primitive = Eigh(isUpper: isUpper(UPLO, "eigh"), hasVectors: true)
        let results = MLXArray.applyAll(primitive, [computed(array)], placeholders: 2)
        return (narrowed(results[0], array), narrowed(results[1], array))
    }

    /// The eigenvalues of ``eigh(_:UPLO:)``.
    public static func eigvalsh(
        _ array: MLXArray, UPLO: String = "L", stream: StreamOrDevice = .default
    ) -> MLXArray {
        let primitive = Eigh(isUpper: isUpper(UPLO, "eigvalsh"), hasVectors: false)
        return narrowed(MLXArray.apply(primitive, [computed(array)]), array)
    }

    /// The Moore–Penrose inverses [n, m] of matrices [m, n].
    public static func pinv(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        narrowed(MLXArray.apply(PseudoInverse(), [computed(array)]), array)
    }
}

/// Half types as float32; others are left for the primitives to refuse.
private func computed(_ array: MLXArray) -> MLXArray { array.asType(array.dtype.computed) }

/// A result in the half type that was given.
private func narrowed(_ result: MLXArray, _ given: MLXArray) -> MLXArray {
    given.dtype.isHalf ? result.asType(given.dtype) : result
}

private func isUpper(_ triangle: String, _ name: String) -> Bool {
    if triangle != "L" && triangle != "U" {
        ErrorHandler.report(
            .caught("[\(name)] UPLO must be \"L\" or \"U\", got \"\(triangle)\""))
    }
    return triangle == "U"
}

private func solved(_ a: MLXArray, _ b: MLXArray, _ primitive: some Primitive) -> MLXArray {
    let dtype = DType.promoted(a.dtype, b.dtype)
    let isVector = b.ndim == 1
    let right = isVector ? expandedDimensions(b, axis: 1) : b
    let batch = broadcastShape([Array(a.shape.dropLast(2)), Array(right.shape.dropLast(2))])
    guard a.ndim >= 2, right.ndim >= 2, let batch else {
        ErrorHandler.report(
            .caught(
                "[\(primitive.name)] right sides of shape \(b.shape) do not fit matrices of shape "
                    + "\(a.shape)"))
        return b
    }
    let result = MLXArray.apply(
        primitive,
        [
            broadcast(a.asType(dtype.computed), to: batch + a.shape.suffix(2)),
            broadcast(right.asType(dtype.computed), to: batch + right.shape.suffix(2)),
        ]
    ).asType(dtype)
    return isVector && result.ndim > 0 && result.dim(-1) == 1 ? squeezed(result, axis: -1) : result
}
