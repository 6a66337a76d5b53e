import CKernels

/// Products of many float32 rows with half weights, or with packed ones where the processor has no
/// instructions for 8 bits: the rows are packed once, the weights are unpacked block by block where
/// they are multiplied, and never as a whole.
///
/// In float32, or of bfloat16 weights with rows rounded to that type, summed in float32.
struct ManyRowsProduct {
    private let dtype: DType
    private let packing: ck_packing
    private let matrices: [ProjectedMatrix]
    private let left: Storage
    private let count: Int
    private let columns: Int

    private static let rowPanel = ck_packed_row_count()
    private static let columnPanel = Int(CK_PACKED_COLUMNS)
    /// How far along k a tile is summed in registers, and the rows of weights of a task.
    private static let most = (depth: 1024, width: 64)

    /// Whether products with a matrix are computed here, in a type.
    static func suits(_ matrix: ProjectedMatrix, _ dtype: DType) -> Bool {
        guard ck_has_packed_products() != 0 else { return false }
        if dtype == .bfloat16 { return matrix.isHalf && matrix.parts[0].dtype == dtype }
        return matrix.isAffine || matrix.isHalf
    }

    init(_ x: Tensor, _ matrices: [ProjectedMatrix], in dtype: DType, on workers: Workers) {
        (self.dtype, self.matrices) = (dtype, matrices)
        packing = .of(dtype)
        (count, columns) = (x.shape[0], x.shape[1])
        let panels = Self.panels(count)
        left = Storage(byteCount: panels * packing.vectors(columns) * 64)
        let (packing, count, columns, left) = (packing, count, columns, left)
        let x = x.converted(to: dtype, on: workers)
        workers.run(panels) { panel in
            let first = panel * Self.rowPanel
            for range in (0..<columns).pieces(of: Self.most.depth) {
                ck_pack(
                    packing, left.address + Self.place(panel, of: panels, range, packing),
                    x.address(at: first * columns + range.lowerBound),
                    min(Self.rowPanel, count - first), range.count, columns, 0, Self.rowPanel)
            }
        }
    }

    private static func panels(_ count: Int) -> Int { (count + rowPanel - 1) / rowPanel }

    /// Where a panel of the packed rows has a piece along k: pieces one behind the other, each with
    /// all panels.
    private static func place(
        _ panel: Int, of panels: Int, _ piece: Range<Int>, _ packing: ck_packing
    ) -> Int {
        (packing.vectors(piece.lowerBound) * panels + packing.vectors(piece.count) * panel) * 64
    }

    func run(on workers: Workers) {
        var tasks: [(matrix: Int, rows: Range<Int>)] = []
        for (index, matrix) in matrices.enumerated() {
            tasks += (0..<matrix.rows).pieces(of: Self.most.width).map { (index, $0) }
        }
        let most = room(Self.most.width)
        let scratch = TaskMemory(tasks: tasks.count, byteCount: most.elements + most.panels)
        workers.run(tasks.count) { task in
            scratch.borrow { multiply(matrices[tasks[task].matrix], tasks[task].rows, in: $0) }
        }
    }

    private var isStored: Bool { dtype == .bfloat16 }

    /// The bytes of so many rows of a matrix, as they are unpacked and as they are packed.
    private func room(_ rows: Int) -> (elements: Int, panels: Int) {
        let depth = min(columns, Self.most.depth)
        let panels = (rows + Self.columnPanel - 1) / Self.columnPanel
        return (isStored ? 0 : rows * depth * 4, panels * packing.vectors(depth) * 64)
    }

    private func multiply(
        _ matrix: ProjectedMatrix, _ rows: Range<Int>, in right: UnsafeMutableRawPointer
    ) {
        let depth = min(columns, Self.most.depth)
        let elements = right + room(rows.count).panels
        for range in (0..<columns).pieces(of: depth) {
            if !isStored { matrix.unpack(rows, range, into: elements) }
            let stored = rows.lowerBound * columns + range.lowerBound
            ck_pack(
                packing, right,
                isStored ? matrix.parts[0].address(at: stored) : elements, rows.count,
                range.count, isStored ? columns : range.count, 0, Self.columnPanel)
            ck_packed_multiply(
                packing, matrix.out + rows.lowerBound * 4, matrix.rows,
                ck_packed_rows(
                    start: left.address + Self.place(0, of: Self.panels(count), range, packing),
                    count: count, panel: Self.rowPanel),
                right, rows.count, ck_ahead(), range.count,
                range.lowerBound == 0 ? CK_PACKED_WRITTEN : CK_PACKED_ADDED)
        }
    }
}

extension ProjectedMatrix {
    /// Writes a part of some rows as float32, the rows one behind the other.
    fileprivate func unpack(
        _ rows: Range<Int>, _ columns: Range<Int>, into out: UnsafeMutableRawPointer
    ) {
        if let format { return unpack(format, rows, columns, into: out) }
        let convert = Kernels.convert(from: parts[0].dtype, to: .float32)
        for (position, row) in rows.enumerated() {
            convert(
                out + position * columns.count * 4,
                parts[0].address(at: row * self.columns + columns.lowerBound), columns.count)
        }
    }

    private func unpack(
        _ format: QuantizationFormat, _ rows: Range<Int>, _ columns: Range<Int>,
        into out: UnsafeMutableRawPointer
    ) {
        guard let kernel = format.dequantize(.float32) else { return }
        let widen = Kernels.convert(from: parts[1].dtype, to: .float32)
        let groups = columns.count / format.groupSize
        withThreadMemory(2 * groups * 4) { scales in
            let biases = scales + groups * 4
            for (position, row) in rows.enumerated() {
                let first = row * self.columns + columns.lowerBound
                widen(scales, parts[1].address(at: first / format.groupSize), groups)
                widen(biases, parts[2].address(at: first / format.groupSize), groups)
                kernel(
                    out + position * columns.count * 4, parts[0].address(at: format.words(first)),
                    scales, biases, groups, format.groupSize)
            }
        }
    }
}
