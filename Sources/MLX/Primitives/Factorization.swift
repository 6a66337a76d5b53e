/// The Cholesky factors of positive definite matrices, of which one triangle is read.
struct Cholesky: MatrixPrimitive {
    var name: String { "cholesky" }
    let isUpper: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        _ = try matrices(inputs[0], square: true)
        return inputs
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        try forMatrices(a.count, on: workers, failure: "is not positive definite") {
            clearTriangle(a($0), a.rows, isUpper: !isUpper)
            return LAPACK.factorCholesky(a($0), a.rows, isUpper: isUpper)
        }
        a.write(to: outputs[0], on: workers)
    }

    /// I. Murray, "Differentiation of the Cholesky decomposition" (2016); the matrix is taken as
    /// symmetric.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let factor = turned(lower(call.output))
        let inner = halved(matmul(factor, triangle(lower(cotangent), isUpper: false)))
        let left = solveTriangle(factor, inner, isUpper: true)
        return [symmetric(solveTriangle(factor, turned(left), isUpper: true))]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil] }
        let factor = lower(call.output)
        let left = solveTriangle(factor, symmetric(tangent), isUpper: false)
        let inner = halved(solveTriangle(factor, turned(left), isUpper: false))
        return [lower(matmul(factor, inner))]
    }

    /// A lower factor as the call's one, or the other way round.
    private func lower(_ factor: MLXArray) -> MLXArray { isUpper ? turned(factor) : factor }

    /// The lower triangle with half the diagonal.
    private func halved(_ a: MLXArray) -> MLXArray {
        (triangle(a, isUpper: false) + triangle(a, isUpper: false, k: -1)) * 0.5
    }
}

/// Orthonormal columns Q [m, n] and upper triangular R [n, n] with Q·R = A [m, n], m ≥ n.
struct QR: MatrixPrimitive {
    var name: String { "qr" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (batch, rows, columns) = try matrices(inputs[0])
        guard rows >= columns else { throw refusal("more columns than rows") }
        return [inputs[0], Spec(batch + [columns, columns], inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let q = Matrices(copying: inputs[0], on: workers)
        let r = Matrices(q.count, rows: q.columns, columns: q.columns)
        r.clear(on: workers)
        try forMatrices(q.count, on: workers, failure: "can't be factorized") {
            LAPACK.factorQR(q($0), r($0), q.rows, q.columns)
        }
        q.write(to: outputs[0], on: workers)
        r.write(to: outputs[1], on: workers)
    }

    /// S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with
    /// application in optimum experimental design" (2010).
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let (q, r) = (call.outputs[0], call.outputs[1])
        let upper = cotangents[1].map { matmul(r, turned(triangle($0, isUpper: true))) }
        let slope = cotangents[0].map { -matmul(turned($0), q) }
        guard let inner = sum(upper, slope) else { return [nil] }
        let mirrored =
            triangle(inner, isUpper: false)
            + turned(triangle(inner, isUpper: false, k: -1))
        let total = sum(cotangents[0], matmul(q, mirrored))
        return [total.map { turned(solveTriangle(r, turned($0), isUpper: true)) }]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil, nil] }
        let (q, r) = (call.outputs[0], call.outputs[1])
        let moved = turned(solveTriangle(turned(r), turned(tangent), isUpper: false))
        let inner = matmul(turned(q), moved)
        let strict = triangle(inner, isUpper: false, k: -1)
        let upper = inner - strict + turned(strict)
        return [moved - matmul(q, upper), matmul(upper, r)]
    }
}

/// L and U in one matrix, the rows that were swapped, and for every row of the input its row in
/// L·U.
struct LU: MatrixPrimitive {
    var name: String { "lu" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (batch, rows, columns) = try matrices(inputs[0])
        return [
            inputs[0], Spec(batch + [min(rows, columns)], .uint32), Spec(batch + [rows], .uint32),
        ]
    }

    /// A singular matrix has factors too: zeros on U's diagonal say so.
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let a = Matrices(copying: inputs[0], on: workers)
        let least = min(a.rows, a.columns)
        let swaps = outputs[1].address.as(UInt32.self)
        let places = outputs[2].address.as(UInt32.self)
        try forMatrices(a.count, on: workers, failure: "can't be factorized") { index in
            var pivots = [Int32](repeating: 0, count: least)
            let verdict = LAPACK.factorLU(a(index), a.rows, a.columns, &pivots)
            var order = Array(0..<a.rows)
            for (row, pivot) in pivots.enumerated() {
                swaps[index * least + row] = UInt32(pivot - 1)
                order.swapAt(row, Int(pivot - 1))
            }
            for (place, row) in order.enumerated() {
                places[index * a.rows + row] = UInt32(place)
            }
            return min(verdict, 0)
        }
        a.write(to: outputs[0], on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        missingDerivative("has no derivative; solve and inv have one", count: 1)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        missingDerivative("has no derivative; solve and inv have one", count: 3)
    }
}

/// The solutions of triangular systems of one shape.
private func solveTriangle(_ a: MLXArray, _ b: MLXArray, isUpper: Bool) -> MLXArray {
    MLXArray.apply(SolveTriangular(isUpper: isUpper), [a, b])
}
