/// An operation on every matrix of the two inner axes.
protocol MatrixPrimitive: Portable {}

extension MatrixPrimitive {
    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        MLXArray.applyAll(self, batch.stretched(inputs)).map { Batched($0) }
    }

    /// The shape of the axes before the matrices, and the sizes of the matrices.
    func matrices(
        _ input: Spec, complex: Bool = false, square: Bool = false
    ) throws(MLXError) -> (batch: [Int], rows: Int, columns: Int) {
        let shape = input.shape
        let types: [DType] = complex ? [.float32, .float64, .complex64] : [.float32, .float64]
        guard types.contains(input.dtype) else {
            let names = types.map { "\($0)" }.joined(separator: ", ")
            throw refusal("needs one of \(names), got \(input.dtype)")
        }
        guard shape.count >= 2 else {
            throw refusal("needs matrices, got an array of shape \(shape)")
        }
        let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
        guard rows > 0, columns > 0 else { throw refusal("no elements in shape \(shape)") }
        guard !square || rows == columns else {
            throw refusal("needs square matrices, got shape \(shape)")
        }
        return (shape.dropLast(2), rows, columns)
    }

    /// Calls the body for every matrix, on all workers; it gives LAPACK's verdict.
    func forMatrices(
        _ count: Int, on workers: Workers, failure reason: String, _ body: (Int) -> Int
    ) throws(MLXError) {
        _ = BLAS.useOneThread
        let failure = FirstFailure()
        workers.run(count) { index in
            if body(index) != 0 { failure.record(index) }
        }
        guard let position = failure.position else { return }
        let which = count == 1 ? "the matrix" : "matrix \(position) of \(count)"
        throw refusal("\(which) \(reason)")
    }

    /// Reports a derivative that is asked for and not known.
    func missingDerivative(_ what: String, count: Int) -> [MLXArray?] {
        ErrorHandler.report(refusal(what))
        return [MLXArray?](repeating: nil, count: count)
    }
}

/// The matrices of the two inner axes, transposed.
func turned(_ a: MLXArray) -> MLXArray { a.swappedAxes(-1, -2) }

/// The matrices of the two inner axes, transposed and conjugated.
func adjoint(_ a: MLXArray) -> MLXArray { conjugate(turned(a)) }

/// The matrices with zeros below or above the `k`-th diagonal.
func triangle(_ a: MLXArray, isUpper: Bool, k: Int = 0) -> MLXArray {
    let rows = expandedDimensions(arange(a.dim(-2)), axis: 1) + k
    let columns = arange(a.dim(-1))
    return which(isUpper ? columns .>= rows : columns .<= rows, a, constant(0, like: a))
}

/// The part of a matrix that is its own adjoint.
func symmetric(_ a: MLXArray) -> MLXArray { (a + adjoint(a)) * 0.5 }

/// The columns of matrices times one number each.
func scaledColumns(_ a: MLXArray, _ factors: MLXArray) -> MLXArray {
    a * expandedDimensions(factors, axis: -2)
}

extension MatrixPrimitive {
    package func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}
