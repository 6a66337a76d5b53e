import CKernels

/// Products of a few float32 rows with weights that are read once and as they lie: whole numbers
/// meet rows rounded to 15 bits, halves are widened in registers.
struct FewRowsProduct {
    private let count: Int
    private let pieces: [Piece]
    /// What the pieces' addresses lead to.
    private let matrices: [ProjectedMatrix]
    private let rounded: [RoundedRows]
    private let arranged: [(dtype: DType, rows: Tensor)]

    /// The bytes of weights that a task reads, and the most tasks of a matrix.
    private static let task = (bytes: 16 << 10, most: 128)

    /// A matrix, and what of it a task has; without references, as each task takes it.
    private struct Piece {
        let work: Work
        let rows: Int
        let out: UnsafeMutableRawPointer
        /// The rows of weights of a task, and where the matrix's tasks end.
        let grain: Int
        let end: Int
    }

    private enum Work {
        case rounded(RoundedRows.Meeting)
        case arranged(
            weights: UnsafeMutableRawPointer, columns: Int, dtype: DType,
            rows: UnsafeMutableRawPointer, width: Int)
    }

    static func suits(_ matrix: ProjectedMatrix) -> Bool { matrix.isAffine || matrix.isHalf }

    init(_ x: Tensor, _ matrices: [ProjectedMatrix], on workers: Workers) {
        self.matrices = matrices.filter(Self.suits)
        count = x.shape[0]
        var rounded: [RoundedRows] = []
        var arranged: [(dtype: DType, rows: Tensor)] = []
        var pieces: [Piece] = []
        pieces.reserveCapacity(matrices.count)
        for matrix in self.matrices {
            let work: Work
            if let format = matrix.format {
                let place = rounded.firstIndex { $0.suits(format) } ?? rounded.count
                if place == rounded.count {
                    rounded.append(RoundedRows(x, for: format, on: workers))
                }
                work = .rounded(rounded[place].meeting(matrix, format))
            } else {
                let weights = matrix.parts[0]
                let place = arranged.firstIndex { $0.dtype == weights.dtype } ?? arranged.count
                if place == arranged.count {
                    arranged.append((weights.dtype, Self.arranged(x, weights.dtype)))
                }
                let rows = arranged[place].rows
                work = .arranged(
                    weights: weights.address, columns: matrix.columns, dtype: weights.dtype,
                    rows: rows.address, width: rows.shape[1])
            }
            let bytes = matrix.parts.reduce(0) { $0 + $1.count * $1.dtype.size }
            let least = max(
                Self.task.bytes / max(1, bytes / matrix.rows), matrix.rows / Self.task.most)
            let grain = (least / 4 + 1) * 4
            pieces.append(
                Piece(
                    work: work, rows: matrix.rows, out: matrix.out, grain: grain,
                    end: (pieces.last?.end ?? 0) + (matrix.rows + grain - 1) / grain))
        }
        (self.rounded, self.arranged, self.pieces) = (rounded, arranged, pieces)
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
        withExtendedLifetime((matrices, rounded, arranged)) {
            pieces.withUnsafeBufferPointer { run($0, on: workers) }
        }
    }

    private func run(_ pieces: UnsafeBufferPointer<Piece>, on workers: Workers) {
        let count = count
        workers.run(pieces.last?.end ?? 0) { task in
            guard let index = pieces.firstIndex(where: { task < $0.end }) else { return }
            let piece = pieces[index]
            let first = (task - (index == 0 ? 0 : pieces[index - 1].end)) * piece.grain
            let rows = min(piece.grain, piece.rows - first)
            let out = (piece.out + first * 4).as(Float.self)
            switch piece.work {
            case .rounded(let meeting): meeting.multiply(first..<first + rows, into: out)
            case .arranged(let weights, let columns, let dtype, let x, let width):
                ck_half_dots(
                    out, piece.rows, weights + first * columns * dtype.size, columns, rows,
                    columns, dtype.code, x.as(Float.self), width, count)
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

    /// Where the rows meet a matrix, as long as both are there.
    struct Meeting {
        fileprivate let weights: ck_affine_rows
        fileprivate let x: ck_rounded
        fileprivate let width: Int
        fileprivate let count: Int
        fileprivate let isPlain: Bool
        /// The bytes of a row of codes, and of its scales.
        fileprivate let codeBytes: Int
        fileprivate let scaleBytes: Int

        /// The products with some rows of the matrix.
        func multiply(_ range: Range<Int>, into out: UnsafeMutablePointer<Float>) {
            var some = weights
            some.codes += range.lowerBound * codeBytes
            some.scales += range.lowerBound * scaleBytes
            some.biases += range.lowerBound * scaleBytes
            some.rows = range.count
            func multiply(scratch: UnsafeMutableRawPointer) {
                ck_rounded_dots(
                    out, weights.rows, some, x, width, count, scratch, isPlain ? 1 : 0)
            }
            // Such codes are read where they lie, and nothing is written to the scratch.
            if !isPlain, some.bits == 4 || some.bits == 8 { return multiply(scratch: out) }
            withThreadMemory(4 * width) { multiply(scratch: $0) }
        }
    }

    func meeting(_ matrix: ProjectedMatrix, _ format: QuantizationFormat) -> Meeting {
        let scales = matrix.parts[1]
        let weights = ck_affine_rows(
            codes: matrix.parts[0].address, scales: scales.address,
            biases: matrix.parts[2].address, rows: matrix.rows, columns: matrix.columns,
            group: format.groupSize, bits: Int32(format.bits), dtype: scales.dtype.code)
        return Meeting(
            weights: weights, x: place(0), width: width, count: count, isPlain: isPlain,
            codeBytes: format.words(matrix.columns) * 4,
            scaleBytes: matrix.columns / format.groupSize * scales.dtype.size)
    }
}
