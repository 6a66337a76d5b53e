/// The inverses of square matrices.
struct Inverse: MatrixPrimitive {
    var name: String { "inv" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        _ = try matrices(inputs[0], square: true)
        return inputs
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        try forMatrices(a.count, on: workers, failure: "is singular") {
            LAPACK.invert(a($0), a.rows)
        }
        a.write(to: outputs[0], on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let inverse = turned(call.output)
        return [cotangents[0].map { -matmul(inverse, matmul($0, inverse)) }]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { -matmul(call.output, matmul($0, call.output)) }]
    }
}

/// The inverses of triangular matrices; what lies in the other triangle is not read.
struct TriangularInverse: MatrixPrimitive {
    var name: String { "triInv" }
    let isUpper: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        _ = try matrices(inputs[0], square: true)
        return inputs
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        try forMatrices(a.count, on: workers, failure: "is singular") {
            clearTriangle(a($0), a.rows, isUpper: !isUpper)
            return LAPACK.invertTriangle(a($0), a.rows, isUpper: isUpper)
        }
        a.write(to: outputs[0], on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let inverse = turned(call.output)
        let inner = matmul(triangle(cotangent, isUpper: isUpper), inverse)
        return [-triangle(matmul(inverse, inner), isUpper: isUpper)]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil] }
        let inner = matmul(triangle(tangent, isUpper: isUpper), call.output)
        return [-matmul(call.output, inner)]
    }
}

/// The solutions x of a·x = b for square matrices a [n, n] and right sides b [n, k].
struct Solve: MatrixPrimitive {
    var name: String { "solve" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkRightSides(inputs)
        return [inputs[1]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        let b = Matrices(copying: inputs[1], on: workers)
        try forMatrices(a.count, on: workers, failure: "is singular") {
            LAPACK.solve(a($0), b($0), a.rows, b.columns)
        }
        b.write(to: outputs[0], on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let right = MLXArray.apply(Solve(), [turned(call.inputs[0]), cotangent])
        return [-matmul(right, turned(call.output)), right]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let moved = tangents[0].map { -matmul($0, call.output) }
        return [sum(moved, tangents[1]).map { MLXArray.apply(Solve(), [call.inputs[0], $0]) }]
    }
}

/// The solutions x of a·x = b for triangular matrices a [n, n], of which the other triangle is not
/// read, and right sides b [n, k].
struct SolveTriangular: MatrixPrimitive {
    var name: String { "solveTriangular" }
    let isUpper: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkRightSides(inputs)
        return [inputs[1]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        let b = Matrices(copying: inputs[1], on: workers)
        try forMatrices(a.count, on: workers, failure: "is singular") {
            LAPACK.solveTriangle(a($0), b($0), a.rows, b.columns, isUpper: isUpper)
        }
        b.write(to: outputs[0], on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let right = MLXArray.apply(
            SolveTriangular(isUpper: !isUpper), [turned(call.inputs[0]), cotangent])
        return [-triangle(matmul(right, turned(call.output)), isUpper: isUpper), right]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let moved = tangents[0].map { -matmul(triangle($0, isUpper: isUpper), call.output) }
        return [sum(moved, tangents[1]).map { MLXArray.apply(self, [call.inputs[0], $0]) }]
    }
}

/// The Moore–Penrose inverses of matrices.
struct PseudoInverse: MatrixPrimitive {
    var name: String { "pinv" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (batch, rows, columns) = try matrices(inputs[0])
        return [Spec(batch + [columns, rows], inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        let least = min(a.rows, a.columns)
        let values = Matrices(a.count, rows: least, columns: 1)
        let left = Matrices(a.count, rows: a.rows, columns: least)
        let right = Matrices(a.count, rows: least, columns: a.columns)
        let inverse = Matrices(a.count, rows: a.columns, columns: a.rows)
        let precision = inputs[0].dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
        let relative = 10 * Double(max(a.rows, a.columns)) * precision
        try forMatrices(a.count, on: workers, failure: "has no singular values") {
            let result = LAPACK.SVDResult(
                values: values($0), left: left($0), right: right($0), isFull: false)
            let verdict = LAPACK.decompose(
                a($0), a.rows, a.columns, isComplex: false, into: result)
            if verdict != 0 { return verdict }
            invertValues(values($0), least, relative)
            LAPACK.join(
                left($0), values($0), right($0), a.rows, a.columns, least, into: inverse($0))
            return 0
        }
        inverse.write(to: outputs[0], on: workers)
    }

    /// Values that are zero but for roundings stay zero.
    private func invertValues(_ values: LAPACK.Numbers, _ count: Int, _ relative: Double) {
        let cutoff = relative * values[0]
        for index in 0..<count {
            values[index] = values[index] > cutoff ? 1 / values[index] : 0
        }
    }

    /// G. Golub and V. Pereyra, "The differentiation of pseudo-inverses" (1973), for matrices whose
    /// rank stays.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let (a, p, q) = (call.inputs[0], call.output, turned(call.output))
        let back = turned(cotangent)  // [m, n]
        let inner = matmul(matmul(back, p), q)
        let outer = matmul(q, matmul(p, back))
        let first = inner - matmul(a, matmul(p, inner))
        let second = outer - matmul(matmul(outer, p), a)
        return [first + second - matmul(q, matmul(cotangent, q))]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil] }
        let (a, p, q) = (call.inputs[0], call.output, turned(call.output))
        let back = turned(tangent)  // [n, m]
        let inner = matmul(matmul(p, q), back)
        let outer = matmul(back, matmul(q, p))
        let first = inner - matmul(matmul(inner, a), p)
        let second = outer - matmul(p, matmul(a, outer))
        return [first + second - matmul(p, matmul(tangent, p))]
    }
}

/// Sets the elements below the diagonal of a matrix in column order to zero, or those above it.
func clearTriangle(_ a: LAPACK.Numbers, _ n: Int, isUpper: Bool) {
    for column in 0..<n {
        let (first, count) = isUpper ? (0, column) : (column + 1, n - column - 1)
        (a + column * n + first).update(repeating: 0, count: count)
    }
}

extension MatrixPrimitive {
    /// Refuses matrices and right sides that do not fit.
    fileprivate func checkRightSides(_ inputs: [Spec]) throws(MLXError) {
        let (batch, rows, _) = try matrices(inputs[0], square: true)
        let right = try matrices(inputs[1])
        guard batch == right.batch, rows == right.rows, inputs[0].dtype == inputs[1].dtype else {
            throw refusal(
                "right sides of shape \(inputs[1].shape) do not fit matrices of shape "
                    + "\(inputs[0].shape)")
        }
    }
}

extension Solve {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 }
}

extension SolveTriangular {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 }
}
