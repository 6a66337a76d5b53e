/// Matrices of doubles, or of pairs of doubles for complex ones, each in column order: what LAPACK
/// works on.
///
/// float32 and complex64 are widened, so that their results are exact but for the last rounding.
struct Matrices {
    let rows: Int
    let columns: Int
    let count: Int
    let isComplex: Bool
    private let tensor: Tensor

    /// Uninitialised matrices.
    init(_ count: Int, rows: Int, columns: Int, isComplex: Bool = false) {
        (self.count, self.rows, self.columns) = (count, rows, columns)
        self.isComplex = isComplex
        tensor = Tensor(Spec([count, columns, rows, isComplex ? 2 : 1], .float64))
    }

    /// Copies of the matrices of a tensor's two inner axes.
    init(copying source: Tensor, on workers: Workers) {
        let rank = source.shape.count
        let rows = source.shape[rank - 2]
        let columns = source.shape[rank - 1]
        let isComplex = source.dtype.isComplex
        self.init(
            source.count / (rows * columns), rows: rows, columns: columns, isComplex: isComplex)
        var turned = source
        turned.layout = source.layout.transposed(Array(0..<rank - 2) + [rank - 1, rank - 2])
        if !isComplex, source.dtype == .float64 {
            StridedCopy(from: turned).write(to: tensor.address, on: workers)
            return
        }
        var numbers = turned.contiguous(on: workers)
        if isComplex {
            let offset = numbers.layout.offset
            numbers.layout = Layout(contiguous: turned.shape + [2])
            numbers.layout.offset = 2 * offset
            numbers.dtype = .float32
        }
        let convert = Kernels.convert(from: numbers.dtype, to: .float64)
        workers.forRanges(of: tensor.count, grain: 1 << 15) { range in
            let start = range.lowerBound
            convert(tensor.address(at: start), numbers.address(at: start), range.count)
        }
    }

    /// A matrix's first element.
    func callAsFunction(_ index: Int) -> LAPACK.Numbers {
        tensor.address.as(Double.self) + index * rows * columns * (isComplex ? 2 : 1)
    }

    /// Sets all elements to zero.
    func clear(on workers: Workers) { tensor.clear(on: workers) }

    /// Writes the matrices to row-major memory; their only columns where it has one axis less.
    func write(to target: Tensor, areColumns: Bool = false, on workers: Workers) {
        var output = target
        if areColumns { output.layout = Layout(contiguous: target.shape + [1]) }
        let rank = output.shape.count
        let turned = Array(0..<rank - 2) + [rank - 1, rank - 2]
        let real: DType = isComplex ? .float32 : target.dtype
        var numbers = tensor.converted(to: real, on: workers)
        numbers.dtype = target.dtype
        numbers.layout = Layout(contiguous: turned.map { output.shape[$0] }).transposed(turned)
        StridedCopy.write(numbers, into: output, on: workers)
    }
}
