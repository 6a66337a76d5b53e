import CKernels
import Glibc

/// Reads the elements of a tensor in row-major order, wherever they lie.
///
/// Unsafe to use longer than the storage of the tensor lives.
struct StridedCopy: Sendable {
    /// How the elements lie; what loops over tiles take, as it counts no references.
    let walk: StridedWalk
    let count: Int
    private let steps: StridedSteps

    init(from tensor: Tensor) {
        let layout = tensor.layout.collapsed
        steps = StridedSteps(layout)
        walk = StridedWalk(
            base: tensor.address, shape: steps.shape, strides: steps.strides,
            rank: layout.shape.count, itemSize: tensor.dtype.size)
        count = tensor.count
    }

    /// Copies everything to row-major memory.
    func write(to target: UnsafeMutableRawPointer, on workers: Workers) {
        let inner = walk.planeCount
        let rows = walk.rowCount
        let columns = inner / max(rows, 1)
        // Pieces of rows; or whole planes of the two inner axes, or bands of one plane, so that a
        // transpose is walked in blocks.
        if count * walk.itemSize >= Caches.capacity, walk.isInLongRows {
            workers.forRanges(of: count, grain: 1 << 15) { range in
                walk.readPastCaches(from: range.lowerBound, range.count, into: target)
            }
        } else if columns >= 1 << 15 {
            workers.forRanges(of: count, grain: 1 << 15) { range in
                walk.read(from: range.lowerBound, range.count, into: target)
            }
        } else if inner >= 1 << 15 {
            let band = max(1, (1 << 15) / columns)
            let bands = (rows + band - 1) / band
            workers.run(count / max(inner, 1) * bands) { task in
                let (plane, piece) = task.quotientAndRemainder(dividingBy: bands)
                let first = piece * band
                let elements = min(band, rows - first) * columns
                walk.read(from: plane * inner + first * columns, elements, into: target)
            }
        } else {
            let grain = max(1, (1 << 15) / max(inner, 1)) * max(inner, 1)
            workers.forRanges(of: count, grain: grain) { range in
                walk.read(from: range.lowerBound, range.count, into: target)
            }
        }
    }

}

/// The sizes and the strides of axes in memory that does not move.
private final class StridedSteps: Sendable {
    // Unchecked: written once, before anyone else sees it.
    nonisolated(unsafe) let shape: UnsafeMutablePointer<Int>
    nonisolated(unsafe) let strides: UnsafeMutablePointer<Int>

    init(_ layout: Layout) {
        let rank = layout.shape.count
        shape = .allocate(capacity: 2 * rank)
        strides = shape + rank
        shape.initialize(from: layout.shape, count: rank)
        strides.initialize(from: layout.strides, count: rank)
    }

    deinit { shape.deallocate() }
}

/// The elements of a tensor in row-major order, as plain pointers: threads that walk the same
/// elements share nothing that they write to. It is good for as long as its `StridedCopy` lives.
struct StridedWalk: @unchecked Sendable {
    // Unchecked: only reads.
    fileprivate let base: UnsafeRawPointer
    fileprivate let shape: UnsafePointer<Int>
    fileprivate let strides: UnsafePointer<Int>
    fileprivate let rank: Int
    let itemSize: Int

    fileprivate init(
        base: UnsafeRawPointer, shape: UnsafePointer<Int>, strides: UnsafePointer<Int>, rank: Int,
        itemSize: Int
    ) {
        (self.base, self.shape, self.strides) = (base, shape, strides)
        (self.rank, self.itemSize) = (rank, itemSize)
    }

    /// The elements of the two inner axes, and those of the outer one of the two.
    fileprivate var planeCount: Int { rowCount * shape[rank - 1] }
    fileprivate var rowCount: Int { rank > 1 ? shape[rank - 2] : 1 }
    var rowLength: Int { shape[rank - 1] }

    /// Whether each row is one element time after time.
    var isColumn: Bool { strides[rank - 1] == 0 }

    /// The elements after which a row that is repeated along all outer axes begins anew; nil where
    /// the elements do not lie so.
    var period: Int? {
        guard rank == 2, strides[0] == 0, strides[1] == 1 else { return nil }
        return shape[1]
    }

    /// The length of a row that is repeated over a block of elements, another one for each block, and
    /// that of a block; nil where the elements do not lie so.
    var blocks: (period: Int, block: Int)? {
        guard rank > 2, strides[rank - 2] == 0, strides[rank - 1] == 1 else { return nil }
        return (shape[rank - 1], planeCount)
    }

    fileprivate func read(from start: Int, _ count: Int, into target: UnsafeMutableRawPointer) {
        load(start, count, to: target + start * itemSize)
    }

    /// Whether each row lies in one piece, of no less than a tile.
    fileprivate var isInLongRows: Bool {
        strides[rank - 1] == 1 && shape[rank - 1] >= TileProgram.tile
    }

    /// See ``read(from:_:into:)``; of rows, for a target that no cache would keep.
    fileprivate func readPastCaches(
        from start: Int, _ count: Int, into target: UnsafeMutableRawPointer
    ) {
        let length = shape[rank - 1]
        var (row, column) = start.quotientAndRemainder(dividingBy: length)
        var first = start
        while first < start + count {
            let part = min(length - column, start + count - first)
            ck_copy_past_caches(
                target + first * itemSize, base + (offset(row: row) + column) * itemSize,
                part * itemSize, nil, 0)
            first += part
            (row, column) = (row + 1, 0)
        }
        ck_await_copies()
    }

    /// Where a run of the row-major order lies, if its elements follow each other in memory.
    func run(_ start: Int, _ count: Int) -> UnsafeRawPointer? {
        let last = rank - 1
        let (row, column) = start.quotientAndRemainder(dividingBy: shape[last])
        guard strides[last] == 1, column + count <= shape[last] else { return nil }
        return base + (offset(row: row) + column) * itemSize
    }

    /// Copies the elements `start ..< start + count` of the row-major order to `out`.
    func load(_ start: Int, _ count: Int, to out: UnsafeMutableRawPointer) {
        let last = rank - 1
        let inner = shape[last]
        var (row, column) = start.quotientAndRemainder(dividingBy: inner)
        var remaining = count
        var out = out
        while remaining > 0 {
            var rows = 1
            var columns = min(inner - column, remaining)
            if last > 0, column == 0, remaining >= inner {
                rows = min(remaining / inner, shape[last - 1] - row % shape[last - 1])
                columns = inner
            }
            let rowStride = last > 0 ? strides[last - 1] : 0
            ck_copy_2d(
                out, base + (offset(row: row) + column * strides[last]) * itemSize,
                rows, columns, columns, 1, rowStride, strides[last], Int32(itemSize))
            out += rows * columns * itemSize
            remaining -= rows * columns
            column += columns
            row += rows - 1
            if column == inner {
                column = 0
                row += 1
            }
        }
    }

    /// Where a row of the innermost axis starts.
    func address(row: Int) -> UnsafeRawPointer { base + offset(row: row) * itemSize }

    /// The element offset at which a row of the innermost axis starts.
    private func offset(row: Int) -> Int {
        var rest = row
        var offset = 0
        for axis in stride(from: rank - 2, through: 0, by: -1) {
            let (quotient, index) = rest.quotientAndRemainder(dividingBy: shape[axis])
            offset += index * strides[axis]
            rest = quotient
        }
        return offset
    }
}

extension StridedCopy {
    /// Writes one element `count` times.
    static func spread(
        _ element: UnsafeRawPointer, _ count: Int, itemSize: Int, to out: UnsafeMutableRawPointer
    ) {
        ck_copy_2d(out, element, 1, count, count, 1, 0, 0, Int32(itemSize))
    }
}

extension StridedCopy {
    /// Copies a tensor into another of its shape, both wherever their elements lie.
    static func write(_ source: Tensor, into target: Tensor, on workers: Workers) {
        guard source.count > 0 else { return }
        let planes = PlanePairs(source, target)
        let size = source.dtype.size
        let (read, written) = (source.storage.address, target.storage.address)
        let isPastCaches = source.count * size >= Caches.capacity && planes.isInLongRows
        workers.forRanges(of: planes.pieceCount, grain: planes.grain) { range in
            for index in range {
                let piece = planes.piece(index)
                let (out, into) = (read + piece.source * size, written + piece.target * size)
                if isPastCaches {
                    for row in 0..<piece.rows {
                        ck_copy_past_caches(
                            into + row * planes.target.row * size,
                            out + row * planes.source.row * size, piece.columns * size, nil, 0)
                    }
                    ck_await_copies()
                } else {
                    ck_copy_2d(
                        into, out, piece.rows, piece.columns, planes.target.row,
                        planes.target.column, planes.source.row, planes.source.column, Int32(size))
                }
            }
        }
    }
}

/// The planes of the two innermost axes of two tensors of one shape, whose axes are joined where
/// both allow it; cut in pieces of some rows, or of a part of one where rows are long.
private struct PlanePairs {
    typealias Steps = (row: Int, column: Int)
    typealias Piece = (rows: Int, columns: Int, source: Int, target: Int)

    let source: Steps
    let target: Steps
    let pieceCount: Int
    /// The pieces that a worker takes at a time.
    let grain: Int
    private let rows: Int
    private let columns: Int
    /// The pieces of a plane's height and of a row's length.
    private let bands: Int
    private let parts: Int
    private let outer: [(size: Int, source: Int, target: Int)]
    private let start: (source: Int, target: Int)

    /// About how many elements are a worker's work.
    private static let most = 1 << 15

    init(_ source: Tensor, _ target: Tensor) {
        var axes: [(size: Int, source: Int, target: Int)] = []
        for axis in source.shape.indices where source.shape[axis] != 1 {
            let size = source.shape[axis]
            let (from, to) = (source.layout.stride(axis), target.layout.stride(axis))
            if let last = axes.last, last.source == from * size, last.target == to * size {
                axes[axes.count - 1] = (last.size * size, from, to)
            } else {
                axes.append((size, from, to))
            }
        }
        while axes.count < 2 { axes.insert((1, 0, 0), at: 0) }
        let (row, column) = (axes[axes.count - 2], axes[axes.count - 1])
        (rows, columns) = (row.size, column.size)
        self.source = (row.source, column.source)
        self.target = (row.target, column.target)
        outer = axes.dropLast(2)
        parts = max(1, columns / Self.most)
        bands = min(rows, max(1, rows * (columns / parts) / Self.most))
        pieceCount = outer.map(\.size).reduce(1, *) * bands * parts
        grain = max(1, Self.most / (rows * columns))
        start = (source.layout.offset, target.layout.offset)
    }

    /// Whether both have rows that lie in one piece, of no less than a tile.
    var isInLongRows: Bool {
        source.column == 1 && target.column == 1 && columns >= TileProgram.tile
    }

    /// The size of a piece, and where it begins in both.
    func piece(_ index: Int) -> Piece {
        let (place, part) = index.quotientAndRemainder(dividingBy: parts)
        let (plane, band) = place.quotientAndRemainder(dividingBy: bands)
        let down = rows * band / bands..<rows * (band + 1) / bands
        let across = columns * part / parts..<columns * (part + 1) / parts
        var (rest, from, to) = (
            plane,
            start.source + down.lowerBound * source.row + across.lowerBound * source.column,
            start.target + down.lowerBound * target.row + across.lowerBound * target.column
        )
        for axis in outer.reversed() {
            let (quotient, index) = rest.quotientAndRemainder(dividingBy: axis.size)
            from += index * axis.source
            to += index * axis.target
            rest = quotient
        }
        return (down.count, across.count, from, to)
    }
}

extension Tensor {
    /// The elements between two rows of the two innermost axes.
    var rowStride: Int { shape.count > 1 ? layout.stride(shape.count - 2) : 0 }

    /// The element offset of a plane of the two innermost axes, counted in row-major order.
    func offset(ofPlane plane: Int) -> Int {
        var rest = plane
        var offset = 0
        for axis in stride(from: shape.count - 3, through: 0, by: -1) {
            let (quotient, index) = rest.quotientAndRemainder(dividingBy: shape[axis])
            offset += index * layout.stride(axis)
            rest = quotient
        }
        return offset
    }
}
