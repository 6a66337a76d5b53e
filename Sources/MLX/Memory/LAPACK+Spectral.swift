import COpenBLAS

extension LAPACK {
    /// Where a singular value decomposition goes; the vectors are left out where they are nil.
    struct SVDResult {
        let values: Numbers
        let left: Numbers?
        let right: Numbers?
        /// Whether there are as many left vectors as rows and as many right ones as columns.
        let isFull: Bool
    }

    /// U, S and Vᴴ of a matrix of doubles or of pairs of doubles, which is used up.
    static func decompose(
        _ a: Numbers, _ m: Int, _ n: Int, isComplex: Bool, into result: SVDResult
    ) -> Int {
        let least = min(m, n)
        var (rows, columns) = (blasint(m), blasint(n))
        var leading = rows
        var leadingRight = blasint(result.isFull ? n : least)
        let job = result.left == nil ? "N" : result.isFull ? "A" : "S"
        var indices = [blasint](repeating: 0, count: 8 * least)
        if !isComplex {
            return withWork { work, size, info in
                dgesdd_(
                    job, &rows, &columns, a, &leading, result.values, result.left, &leading,
                    result.right, &leadingRight, work, &size, &indices, &info, 1)
            }
        }
        // The manual's bound for the real numbers of zgesdd.
        let most = max(m, n)
        let count = max(5 * least * least + 5 * least, 2 * most * least + 2 * least * least + least)
        var reals = [Double](repeating: 0, count: max(count, 7 * least))
        return withWork(width: 2) { work, size, info in
            zgesdd_(
                job, &rows, &columns, a, &leading, result.values, result.left, &leading,
                result.right, &leadingRight, work, &size, &reals, &indices, &info, 1)
        }
    }

    /// The eigenvalues in ascending order and, in place of the matrix, the eigenvectors of a matrix
    /// that is its own adjoint and of which one triangle is read.
    static func decomposeSymmetric(
        _ a: Numbers, _ n: Int, isComplex: Bool, isUpper: Bool, hasVectors: Bool, values: Numbers
    ) -> Int {
        let (job, triangle) = (hasVectors ? "V" : "N", isUpper ? "U" : "L")
        var order = blasint(n)
        var leading = order
        // The manual's bounds.
        var indexCount = blasint(3 + 5 * n)
        var indices = [blasint](repeating: 0, count: Int(indexCount))
        if !isComplex {
            return withWork { work, size, info in
                var given = size < 0 ? -1 : indexCount
                dsyevd_(
                    job, triangle, &order, a, &leading, values, work, &size, &indices, &given,
                    &info, 1, 1)
            }
        }
        let realCount = blasint(1 + 5 * n + 2 * n * n)
        var reals = [Double](repeating: 0, count: Int(realCount))
        return withWork(width: 2) { work, size, info in
            var given = size < 0 ? -1 : realCount
            indexCount = size < 0 ? -1 : blasint(indices.count)
            zheevd_(
                job, triangle, &order, a, &leading, values, work, &size, &reals, &given, &indices,
                &indexCount, &info, 1, 1)
        }
    }

    /// The eigenvalues and right eigenvectors of a matrix of pairs of doubles, which is used up.
    static func decomposeComplex(
        _ a: Numbers, _ n: Int, values: Numbers, vectors: Numbers?
    ) -> Int {
        var (order, one) = (blasint(n), blasint(1))
        var leading = order
        var reals = [Double](repeating: 0, count: 2 * n)
        return withWork(width: 2) { work, size, info in
            zgeev_(
                "N", vectors == nil ? "N" : "V", &order, a, &leading, values, nil, &one, vectors,
                &leading, work, &size, &reals, &info, 1, 1)
        }
    }

    /// The eigenvalues and right eigenvectors of a matrix of doubles, which is used up; both are
    /// written as pairs of doubles.
    static func decomposeReal(
        _ a: Numbers, _ n: Int, values: Numbers, vectors: Numbers?
    ) -> Int {
        var (order, one) = (blasint(n), blasint(1))
        var leading = order
        var (real, imaginary) = ([Double](repeating: 0, count: n), [Double](repeating: 0, count: n))
        var columns = [Double](repeating: 0, count: vectors == nil ? 1 : n * n)
        let verdict = withWork { work, size, info in
            dgeev_(
                "N", vectors == nil ? "N" : "V", &order, a, &leading, &real, &imaginary, nil, &one,
                &columns, &leading, work, &size, &info, 1, 1)
        }
        if verdict != 0 { return verdict }
        for index in 0..<n {
            (values[2 * index], values[2 * index + 1]) = (real[index], imaginary[index])
            guard let vectors else { continue }
            // Two conjugate vectors lie as the real parts and the imaginary parts of the first.
            let first = imaginary[index] < 0 ? index - 1 : index
            let sign = imaginary[index] == 0 ? 0 : imaginary[index] < 0 ? -1.0 : 1
            let second = imaginary[index] == 0 ? index : first + 1
            for row in 0..<n {
                vectors[2 * (index * n + row)] = columns[first * n + row]
                vectors[2 * (index * n + row) + 1] = sign * columns[second * n + row]
            }
        }
        return 0
    }
}
