import CKernels

/// Products of many float32 rows, rounded to 15 bits, with affine codes, which are laid out in panels
/// block by block where they are multiplied.
struct RoundedTilesProduct {
    private let matrices: [ProjectedMatrix]
    private let rows: [RoundedRows]

    /// The rows of weights of a task.
    private static let width = 64

    /// Whether the processor has instructions for them.
    static var isAvailable: Bool { RoundedRows.isAccelerated }

    init(_ x: Tensor, _ matrices: [ProjectedMatrix], on workers: Workers) {
        self.matrices = matrices
        var found: [Int: RoundedRows] = [:]
        rows = matrices.compactMap { matrix in
            guard let format = matrix.format else { return nil }
            if let known = found[format.groupSize] { return known }
            let rounded = RoundedRows(x, for: format, inOrder: true, on: workers)
            found[format.groupSize] = rounded
            return rounded
        }
    }

    func run(on workers: Workers) {
        var tasks: [(matrix: Int, rows: Range<Int>)] = []
        for (index, matrix) in matrices.enumerated() {
            tasks += (0..<matrix.rows).pieces(of: Self.width).map { (index, $0) }
        }
        let room = matrices.map { matrix in
            2 * Self.width * (matrix.columns + Self.groupBytes(matrix))
        }
        let scratch = TaskMemory(tasks: tasks.count, byteCount: room.max() ?? 0)
        workers.run(tasks.count) { task in
            let (index, range) = tasks[task]
            scratch.borrow { multiply(matrices[index], range, rows[index], in: $0) }
        }
    }

    /// The bytes of a row's scales, or of its biases.
    private static func groupBytes(_ matrix: ProjectedMatrix) -> Int {
        matrix.format.map { matrix.columns / $0.groupSize * 4 } ?? 0
    }

    private func multiply(
        _ matrix: ProjectedMatrix, _ range: Range<Int>, _ rows: RoundedRows,
        in bytes: UnsafeMutableRawPointer
    ) {
        guard let format = matrix.format else { return }
        let columns = matrix.columns
        let groups = columns / format.groupSize
        let codes = bytes + Self.width * columns
        let scales = codes + Self.width * columns
        let biases = scales + Self.width * Self.groupBytes(matrix)
        for (position, row) in range.enumerated() {
            ck_expand_codes(
                bytes + position * columns,
                matrix.parts[0].address(at: format.words(row * columns)), columns,
                Int32(format.bits))
        }
        Self.pack(bytes, range.count, columns / 4, into: codes)
        let widen = Kernels.convert(from: matrix.parts[1].dtype, to: .float32)
        for (part, target) in zip(matrix.parts[1...], [scales, biases]) {
            // The bytes' memory serves again: a group has a number of four bytes, and 32 codes.
            let count = range.count * groups
            widen(bytes, part.address(at: range.lowerBound * groups), count)
            Self.pack(bytes, range.count, groups, into: target)
        }
        let panels = ck_rounded_panels(
            codes: codes, scales: scales.as(Float.self), biases: biases.as(Float.self),
            columns: columns, group: format.groupSize)
        rows.multiply(panels, range.count, into: matrix, from: range.lowerBound)
    }

    /// Panels of 16 lines, a number of four bytes of each, then the next.
    private static func pack(
        _ lines: UnsafeMutableRawPointer, _ count: Int, _ numbers: Int,
        into panels: UnsafeMutableRawPointer
    ) {
        ck_pack(CK_PACK_FLOATS, panels, lines, count, numbers, numbers, 0, 16)
    }
}
