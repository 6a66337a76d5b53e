/// The singular values of matrices in descending order, with vectors or without.
struct SVD: MatrixPrimitive {
    enum Vectors: String, Codable {
        case none
        /// As many on each side as values.
        case thin
        /// As many left ones as rows, as many right ones as columns.
        case full
    }

    var name: String { "svd" }
    let vectors: Vectors

    /// The values, or left vectors [m, k], values [k] and right vectors [k, n].
    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (batch, rows, columns) = try matrices(inputs[0], complex: true)
        let dtype = inputs[0].dtype
        let least = min(rows, columns)
        let values = Spec(batch + [least], dtype.isComplex ? .float32 : dtype)
        switch vectors {
        case .none: return [values]
        case .thin:
            return [
                Spec(batch + [rows, least], dtype), values, Spec(batch + [least, columns], dtype),
            ]
        case .full:
            return [
                Spec(batch + [rows, rows], dtype), values, Spec(batch + [columns, columns], dtype),
            ]
        }
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        let (rows, columns) = (a.rows, a.columns)
        let least = min(rows, columns)
        let values = Matrices(a.count, rows: least, columns: 1)
        let isFull = vectors == .full
        let (left, right) =
            vectors == .none
            ? (nil, nil)
            : (
                Matrices(
                    a.count, rows: rows, columns: isFull ? rows : least, isComplex: a.isComplex),
                Matrices(
                    a.count, rows: isFull ? columns : least, columns: columns,
                    isComplex: a.isComplex)
            )
        try forMatrices(a.count, on: workers, failure: "has no singular values") {
            let result = LAPACK.SVDResult(
                values: values($0), left: left?($0), right: right?($0), isFull: isFull)
            return LAPACK.decompose(a($0), rows, columns, isComplex: a.isComplex, into: result)
        }
        guard let left, let right else {
            return values.write(to: outputs[0], areColumns: true, on: workers)
        }
        left.write(to: outputs[0], on: workers)
        values.write(to: outputs[1], areColumns: true, on: workers)
        right.write(to: outputs[2], on: workers)
    }

    /// J. Townsend, "Differentiating the singular value decomposition" (2016).
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let a = call.inputs[0]
        if vectors == .none {
            guard let cotangent = cotangents[0] else { return [nil] }
            let thin = MLXArray.applyAll(SVD(vectors: .thin), [a])
            return [matmul(scaledColumns(thin[0], cotangent), thin[2])]
        }
        guard knowsVectors(a) else { return missing(count: 1) }
        let (u, s, vt) = (call.outputs[0], call.outputs[1], call.outputs[2])
        var inner = cotangents[1].map { diagonalMatrix($0) }
        var result: MLXArray?
        if let cotangent = cotangents[0] {
            let skew = matmul(turned(u), cotangent)
            inner = sum(inner, scaledColumns(gaps(s) * (skew - turned(skew)), s))
            let rest = scaledColumns(cotangent - matmul(u, skew), reciprocal(s))
            result = matmul(rest, vt)
        }
        if let cotangent = cotangents[2].map(turned) {
            let skew = matmul(vt, cotangent)
            let scaled = expandedDimensions(s, axis: -1) * (gaps(s) * (skew - turned(skew)))
            inner = sum(inner, scaled)
            let rest = scaledColumns(cotangent - matmul(turned(vt), skew), reciprocal(s))
            result = sum(result, matmul(u, turned(rest)))
        }
        return [sum(result, inner.map { matmul(u, matmul($0, vt)) })]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return call.outputs.map { _ in nil } }
        let a = call.inputs[0]
        if vectors == .none {
            let thin = MLXArray.applyAll(SVD(vectors: .thin), [a])
            let moved = matmul(adjoint(thin[0]), matmul(tangent, adjoint(thin[2])))
            return [mainDiagonal(moved).asType(call.output.dtype)]
        }
        guard knowsVectors(a) else { return missing(count: 3) }
        let (u, s, vt) = (call.outputs[0], call.outputs[1], call.outputs[2])
        let (left, right) = (matmul(tangent, turned(vt)), matmul(turned(tangent), u))
        let moved = matmul(turned(u), left)
        let (across, down) = (scaledColumns(moved, s), scaledColumns(turned(moved), s))
        let turnLeft = gaps(s) * (across + turned(across))
        let turnRight = gaps(s) * (down + turned(down))
        let restLeft = scaledColumns(left - matmul(u, moved), reciprocal(s))
        let restRight = scaledColumns(right - matmul(turned(vt), turned(moved)), reciprocal(s))
        return [
            matmul(u, turnLeft) + restLeft, mainDiagonal(moved),
            turned(matmul(turned(vt), turnRight) + restRight),
        ]
    }

    /// Whether the vectors follow from the matrix but for their signs.
    private func knowsVectors(_ a: MLXArray) -> Bool {
        !a.dtype.isComplex && (vectors == .thin || a.dim(-1) == a.dim(-2))
    }

    private func missing(count: Int) -> [MLXArray?] {
        missingDerivative(
            "the vectors have a derivative for real square matrices only", count: count)
    }

    /// 1 / (s[j]² − s[i]²), and 0 where the two are equal.
    private func gaps(_ s: MLXArray) -> MLXArray { inverseDifferences(square(s)) }
}

/// The eigenvalues in ascending order, and eigenvectors or none, of matrices that are their own
/// adjoints and of which one triangle is read.
struct Eigh: MatrixPrimitive {
    var name: String { "eigh" }
    let isUpper: Bool
    let hasVectors: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (batch, rows, _) = try matrices(inputs[0], complex: true, square: true)
        let dtype: DType = inputs[0].dtype.isComplex ? .float32 : inputs[0].dtype
        let values = Spec(batch + [rows], dtype)
        return hasVectors ? [values, inputs[0]] : [values]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        let values = Matrices(a.count, rows: a.rows, columns: 1)
        try forMatrices(a.count, on: workers, failure: "has no eigenvalues") {
            LAPACK.decomposeSymmetric(
                a($0), a.rows, isComplex: a.isComplex, isUpper: isUpper, hasVectors: hasVectors,
                values: values($0))
        }
        values.write(to: outputs[0], areColumns: true, on: workers)
        if hasVectors { a.write(to: outputs[1], on: workers) }
    }

    /// M. Giles, "An extended collection of matrix derivative results" (2008).
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let (values, vectors) = spectrum(call)
        var inner = cotangents[0].map { diagonalMatrix($0.asType(vectors.dtype)) }
        if hasVectors, let cotangent = cotangents[1] {
            let skew = matmul(adjoint(vectors), cotangent)
            inner = sum(inner, inverseDifferences(values) * skew)
        }
        return [inner.map { symmetric(matmul(vectors, matmul($0, adjoint(vectors)))) }]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return call.outputs.map { _ in nil } }
        let (values, vectors) = spectrum(call)
        let moved = matmul(adjoint(vectors), matmul(symmetric(tangent), vectors))
        let slopes = mainDiagonal(moved).asType(values.dtype)
        return hasVectors
            ? [slopes, matmul(vectors, inverseDifferences(values) * moved)] : [slopes]
    }

    private func spectrum(_ call: Call) -> (values: MLXArray, vectors: MLXArray) {
        let primitive = Eigh(isUpper: isUpper, hasVectors: true)
        let outputs = hasVectors ? call.outputs : MLXArray.applyAll(primitive, call.inputs)
        return (outputs[0], outputs[1])
    }
}

/// The eigenvalues of square matrices, and right eigenvectors of length 1 or none, as complex64.
struct Eig: MatrixPrimitive {
    var name: String { "eig" }
    let hasVectors: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (batch, rows, columns) = try matrices(inputs[0], complex: true, square: true)
        let values = Spec(batch + [rows], .complex64)
        return hasVectors ? [values, Spec(batch + [rows, columns], .complex64)] : [values]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        let values = Matrices(a.count, rows: a.rows, columns: 1, isComplex: true)
        let vectors =
            hasVectors ? Matrices(a.count, rows: a.rows, columns: a.rows, isComplex: true) : nil
        let decompose = a.isComplex ? LAPACK.decomposeComplex : LAPACK.decomposeReal
        try forMatrices(a.count, on: workers, failure: "has no eigenvalues") {
            decompose(a($0), a.rows, values($0), vectors?($0))
        }
        values.write(to: outputs[0], areColumns: true, on: workers)
        vectors?.write(to: outputs[1], on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        missingDerivative("has no derivative; eigh has one", count: 1)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        missingDerivative("has no derivative; eigh has one", count: call.outputs.count)
    }
}

/// 1 / (x[j] − x[i]) for all pairs, and 0 where the two are equal.
private func inverseDifferences(_ x: MLXArray) -> MLXArray {
    let differences = expandedDimensions(x, axis: -2) - expandedDimensions(x, axis: -1)
    let isZero = differences .== 0
    let safe = which(isZero, constant(1, like: x), differences)
    return which(isZero, constant(0, like: x), reciprocal(safe))
}

/// Matrices that are zero but for their diagonals.
private func diagonalMatrix(_ values: MLXArray) -> MLXArray {
    expandedDimensions(values, axis: -1) * identity(values.dim(-1), dtype: values.dtype)
}

/// The diagonals of square matrices.
private func mainDiagonal(_ a: MLXArray) -> MLXArray {
    (a * identity(a.dim(-1), dtype: a.dtype)).sum(axis: -1)
}
