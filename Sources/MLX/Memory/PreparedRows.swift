import CKernels

/// The rows of a projection, row-major, in the type computed in, and their products.
///
/// Work is cut by the shapes alone, so that the bits of a product do not depend on the number of
/// threads.
struct PreparedRows {
    let elements: Tensor  // [M, K]

    var count: Int { elements.shape[0] }
    var columns: Int { elements.shape[1] }

    /// The most rows that meet weights as they lie.
    private static let fewRows = 8

    init(
        _ rows: ProjectionRows, _ inputs: [Tensor], _ plane: Int, _ computed: DType,
        on workers: Workers
    ) {
        let x = inputs[0].matrix(plane).converted(to: computed, on: workers)
        let (count, columns) = (x.shape[0], x.shape[1])
        switch rows {
        case .plain: elements = x
        case .normalized(let eps):
            elements = Tensor(Spec(x.shape, computed))
            guard let kernel = ck_rms_norm_row(computed.code) else { return }
            let weight = inputs[1].line(plane).converted(to: computed, on: workers)
            let zero = Tensor(Spec([columns], computed))
            zero.clear(on: workers)
            let elements = elements
            workers.forRanges(of: count, grain: max(1, (1 << 14) / columns)) { range in
                for row in range {
                    kernel(
                        elements.address(at: row * columns), x.address(at: row * columns),
                        weight.address, zero.address, columns, eps)
                }
            }
        case .gated:
            elements = Tensor(Spec(x.shape, computed))
            guard let kernel = ck_gated_row(computed.code) else { return }
            let other = inputs[1].matrix(plane).converted(to: computed, on: workers)
            let elements = elements
            workers.forRanges(of: x.count, grain: 1 << 14) { range in
                let start = range.lowerBound
                kernel(
                    elements.address(at: start), x.address(at: start), other.address(at: start),
                    range.count)
            }
        }
    }

    /// Writes the products with all matrices, biases added.
    ///
    /// - Parameter isWide: rounds no rows to bfloat16.
    func multiply(_ matrices: [ProjectedMatrix], isWide: Bool, on workers: Workers) {
        var exact = matrices
        if elements.dtype == .float32 {
            if count <= Self.fewRows {
                FewRowsProduct(elements, matrices, on: workers).run(on: workers)
                exact.removeAll(where: FewRowsProduct.suits)
            }
            let affine = exact.filter(\.isAffine)
            if RoundedTilesProduct.isAvailable, !affine.isEmpty {
                RoundedTilesProduct(elements, affine, on: workers).run(on: workers)
                exact.removeAll(where: \.isAffine)
            }
            for dtype in isWide ? [DType.float32] : [.bfloat16, .float32] {
                let packed = exact.filter { ManyRowsProduct.suits($0, dtype) }
                guard !packed.isEmpty else { continue }
                ManyRowsProduct(elements, packed, in: dtype, on: workers).run(on: workers)
                exact.removeAll { ManyRowsProduct.suits($0, dtype) }
            }
        }
        for matrix in exact { matrix.multiply(elements, on: workers) }
        for matrix in matrices { matrix.addBias(rows: count, elements.dtype, on: workers) }
    }
}

/// One matrix of a projection, and where its product goes.
struct ProjectedMatrix {
    let format: QuantizationFormat?
    /// Words, scales and biases, or the elements, each contiguous.
    let parts: [Tensor]
    let bias: Tensor?
    let out: UnsafeMutableRawPointer
    /// [N, K]
    let rows: Int
    let columns: Int

    init(
        _ format: QuantizationFormat?, _ parts: [Tensor], bias: Tensor?,
        into out: UnsafeMutableRawPointer, on workers: Workers
    ) {
        (self.format, self.bias, self.out) = (format, bias, out)
        self.parts = parts.map { $0.contiguous(on: workers) }
        rows = parts[0].shape[0]
        columns = format?.codes(inWords: parts[0].shape[1]) ?? parts[0].shape[1]
    }

    /// Whether codes are whole numbers whose scales and biases have one type that kernels read.
    var isAffine: Bool {
        guard let format, format.isAffine, parts[1].dtype == parts[2].dtype else { return false }
        return parts[1].dtype != .float64
    }

    /// Whether elements are stored as they are in 16 bits.
    var isHalf: Bool {
        format == nil && (parts[0].dtype == .float16 || parts[0].dtype == .bfloat16)
    }

    /// The exact product.
    func multiply(_ x: Tensor, on workers: Workers) {
        let count = x.shape[0]
        if let format {
            let weights = QuantizedMatrix(format, parts, computed: x.dtype, on: workers)
            return QuantizedProduct.multiply(
                x.address, rows: count, weights, transpose: true, into: out, on: workers)
        }
        let weights = parts[0].converted(to: x.dtype, on: workers)
        BLAS.multiply(
            BLAS.Matrix(address: x.address, leading: columns, isTransposed: false),
            BLAS.Matrix(address: weights.address, leading: columns, isTransposed: true),
            into: out, m: count, n: rows, k: columns, dtype: x.dtype, on: workers)
    }

    func addBias(rows count: Int, _ dtype: DType, on workers: Workers) {
        guard let bias, let add = ck_add(dtype.code) else { return }
        workers.forRanges(of: count, grain: max(1, (1 << 14) / rows)) { range in
            for row in range {
                let place = out + row * rows * dtype.size
                add(place, place, bias.address, rows)
            }
        }
    }

    /// Adds an array of the product's shape.
    func add(_ residual: Tensor, _ dtype: DType, on workers: Workers) {
        guard let add = ck_add(dtype.code) else { return }
        workers.forRanges(of: residual.count, grain: 1 << 14) { range in
            let place = out + range.lowerBound * dtype.size
            add(place, residual.address(at: range.lowerBound), place, range.count)
        }
    }
}
