import CKernels

/// Products of many small float32 matrices, which are multiplied where they lie: to pack them would
/// cost more than to multiply them.
struct SmallProducts {
    private let matrices: ck_small_matrices
    private let planes: Int
    private let a: UnsafePointer<Float>
    private let b: UnsafePointer<Float>

    /// The most columns, and the most multiplications of a plane.
    private static let most = (columns: 16, work: 1 << 14)
    /// About how many multiplications a worker takes at a time.
    private static let grain = 1 << 16

    /// Of the two innermost axes of `a` [..., m, k] and `b` [..., k, n]; nil where they are not small,
    /// do not lie in planes that are equally far apart, or the processor has no instructions for it.
    init?(_ a: Tensor, _ b: Tensor) {
        let rank = a.shape.count
        let (m, k, n) = (a.shape[rank - 2], a.shape[rank - 1], b.shape[rank - 1])
        guard a.dtype == .float32, ck_has_small_products() != 0, 1...Self.most.columns ~= n,
            m * k <= Self.most.work / n, n == 1 || b.layout.stride(rank - 1) == 1,
            let left = a.planeStride, let right = b.planeStride
        else { return nil }
        matrices = ck_small_matrices(
            rows: m, depth: k, columns: n, a_plane: left, a_row: a.layout.stride(rank - 2),
            a_column: a.layout.stride(rank - 1), b_plane: right,
            b_row: b.layout.stride(rank - 2))
        planes = a.shape.dropLast(2).reduce(1, *)
        self.a = UnsafePointer(a.address.as(Float.self))
        self.b = UnsafePointer(b.address.as(Float.self))
    }

    /// Writes the products to row-major memory, while the operands' is held.
    func run(into output: UnsafeMutablePointer<Float>, on workers: Workers) {
        let size = matrices.rows * matrices.columns
        let grain = max(1, Self.grain / max(1, size * matrices.depth))
        workers.forRanges(of: planes, grain: grain) { range in
            withUnsafePointer(to: matrices) {
                ck_small_products(
                    output + range.lowerBound * size, a + range.lowerBound * matrices.a_plane,
                    b + range.lowerBound * matrices.b_plane, $0, range.count)
            }
        }
    }
}

extension Tensor {
    /// The elements between two planes of the two innermost axes that follow each other; nil where
    /// they do not lie equally far apart.
    fileprivate var planeStride: Int? {
        var first: Int?
        var next = 0
        for axis in layout.shape.indices.dropLast(2).reversed() where layout.shape[axis] != 1 {
            let stride = layout.stride(axis)
            if first != nil, stride != next { return nil }
            first = first ?? stride
            next = stride * layout.shape[axis]
        }
        return first ?? 0
    }
}
