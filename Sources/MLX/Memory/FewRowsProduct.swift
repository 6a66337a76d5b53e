import CKernels

/// Products of a few float32 rows with weights that are read once and as they lie: whole numbers
/// meet rows rounded to 15 bits, halves are widened in registers.
struct FewRowsProduct {
    private let matrices: [ProjectedMatrix]
    private let operands: [Operand]
    private let count: Int
    /// Where each matrix's tasks end, and how many rows of weights a task has.
    private let ends: [Int]
    private let grains: [Int]

    /// The bytes of weights that a task reads, and the most tasks of a matrix.
    private static let task = (bytes: 16 << 10, most: 128)

    private enum Operand {
        case rounded(RoundedRows)
        case arranged(Tensor)
    }

    static func suits(_ matrix: ProjectedMatrix) -> Bool { matrix.isAffine || matrix.isHalf }

    init(_ x: Tensor, _ matrices: [ProjectedMatrix], on workers: Workers) {
        self.matrices = matrices.filter(Self.suits)
        count = x.shape[0]
        var rounded: [RoundedRows] = []
        var arranged: [(dtype: DType, rows: Tensor)] = []
        var (operands, ends, grains): ([Operand], [Int], [Int]) = ([], [], [])
        for matrix in self.matrices {
            let bytesPerRow = max(
                1, matrix.parts.reduce(0) { $0 + $1.count * $1.dtype.size } / matrix.rows)
            if let format = matrix.format {
                if let found = rounded.first(where: { $0.suits(format) }) {
                    operands.append(.rounded(found))
                } else {
                    rounded.append(RoundedRows(x, for: format, on: workers))
                    operands.append(.rounded(rounded[rounded.count - 1]))
                }
            } else if let found = arranged.first(where: { $0.dtype == matrix.parts[0].dtype }) {
                operands.append(.arranged(found.rows))
            } else {
                let rows = Self.arranged(x, matrix.parts[0].dtype)
                arranged.append((matrix.parts[0].dtype, rows))
                operands.append(.arranged(rows))
            }
            let grain = max(Self.task.bytes / bytesPerRow, matrix.rows / Self.task.most)
            grains.append((grain / 4 + 1) * 4)
            ends.append(
                (ends.last ?? 0) + (matrix.rows + grains[grains.count - 1] - 1)
                    / grains[grains.count - 1])
        }
        (self.operands, self.ends, self.grains) = (operands, ends, grains)
    }

    private static func arranged(_ x: Tensor, _ dtype: DType) -> Tensor {
        let (count, columns) = (x.shape[0], x.shape[1])
        let rows = Tensor(Spec([count, (columns + 31) / 32 * 32], .float32))
        for row in 0..<count {
            ck_arrange_half_row(
                rows.address(at: row * rows.shape[1]).as(Float.self),
                x.address(at: row * columns).as(Float.self), columns, dtype.code)
        }
        return rows
    }

    func run(on workers: Workers) {
        workers.run(ends.last ?? 0) { task in
            guard let index = ends.firstIndex(where: { task < $0 }) else { return }
            let matrix = matrices[index]
            let first = (task - (index == 0 ? 0 : ends[index - 1])) * grains[index]
            let range = first..<min(matrix.rows, first + grains[index])
            let out = (matrix.out + range.lowerBound * 4).as(Float.self)
            switch operands[index] {
            case .rounded(let rows): rows.multiply(matrix, range, into: out)
            case .arranged(let rows):
                let weights = matrix.parts[0]
                ck_half_dots(
                    out, matrix.rows, weights.address(at: range.lowerBound * matrix.columns),
                    matrix.columns, range.count, matrix.columns, weights.dtype.code,
                    rows.address.as(Float.self), rows.shape[1], count)
            }
        }
    }
}

/// Rows rounded to 15 bits in blocks of 32, as two codes of 8 bits each.
struct RoundedRows {
    /// Whether the processor has instructions for products of 8 bits.
    static let isAccelerated = ck_has_rounded_products() != 0

    private let memory: Tensor
    private let count: Int
    private let width: Int
    private let format: QuantizationFormat
    private let isPlain: Bool
    private let byPairs: Bool

    /// - Parameters:
    ///   - isPlain: leaves the processor's own instructions out.
    ///   - inOrder: leaves the elements in their order, as panels of weights meet them.
    init(
        _ x: Tensor, for format: QuantizationFormat, isPlain: Bool = !Self.isAccelerated,
        inOrder: Bool = false, on workers: Workers
    ) {
        let columns = x.shape[1]
        let chunk = Int(CK_ROUNDED_CHUNK)
        width = (columns + chunk - 1) / chunk * chunk
        count = x.shape[0]
        (self.format, self.isPlain) = (format, isPlain)
        byPairs = format.bits == 4 && !isPlain && !inOrder
        // Scales and sums lie as far apart as codes, in numbers.
        memory = Tensor(Spec([count * width * 10], .uint8))
        let rounded = self
        workers.forRanges(of: count, grain: max(8, (1 << 14) / columns)) { range in
            for row in range {
                ck_round_row(
                    rounded.place(row), x.address(at: row * columns).as(Float.self), columns,
                    format.groupSize, rounded.byPairs ? 1 : 0)
            }
        }
    }

    private func place(_ row: Int) -> ck_rounded {
        let numbers = memory.address + 2 * count * width
        return ck_rounded(
            high: (memory.address + row * width).as(Int8.self),
            low: (memory.address + (count + row) * width).as(Int8.self),
            scales: numbers.as(Float.self) + row * width,
            sums: numbers.as(Float.self) + (count + row) * width)
    }

    /// Whether rows rounded for one format do for another.
    func suits(_ other: QuantizationFormat) -> Bool {
        other.groupSize == format.groupSize && (other.bits == 4) == (format.bits == 4)
    }

    /// The products with some rows of a matrix in panels.
    func multiply(
        _ panels: ck_rounded_panels, _ lines: Int, into matrix: ProjectedMatrix, from row: Int
    ) {
        ck_rounded_tiles(
            (matrix.out + row * 4).as(Float.self), matrix.rows, panels, lines, place(0), width,
            count)
    }

    /// The products with some rows of a matrix.
    func multiply(
        _ matrix: ProjectedMatrix, _ range: Range<Int>, into out: UnsafeMutablePointer<Float>
    ) {
        guard let format = matrix.format else { return }
        let group = range.lowerBound * matrix.columns / format.groupSize
        let weights = ck_affine_rows(
            codes: matrix.parts[0].address(
                at: format.words(range.lowerBound * matrix.columns)),
            scales: matrix.parts[1].address(at: group), biases: matrix.parts[2].address(at: group),
            rows: range.count, columns: matrix.columns, group: format.groupSize,
            bits: Int32(format.bits), dtype: matrix.parts[1].dtype.code)
        withUnsafeTemporaryAllocation(byteCount: 4 * width, alignment: 64) { scratch in
            guard let base = scratch.baseAddress else { return }
            ck_rounded_dots(
                out, matrix.rows, weights, place(0), width, count, base, isPlain ? 1 : 0)
        }
    }
}
