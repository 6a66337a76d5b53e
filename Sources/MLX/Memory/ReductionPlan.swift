/// How a reduction walks its input: the kept axes outside and the reduced ones inside, or the
/// innermost kept axes inside when they are the ones that lie together in memory.
struct ReductionPlan {
    /// The elements of a row that are joined before anything else.
    static let chunk = 1 << 14

    /// Whether the reduced axes are walked inside.
    let reducesRows: Bool
    let reducedCount: Int
    /// The elements of the kept axes behind the last reduced one.
    let innerKept: Int
    /// The axes in the order in which they are walked; nil where it is their own.
    let order: [Int]?

    /// For a shape and axes in ascending order; `joinsRows` tells whether two rows can be joined
    /// element by element.
    init(_ shape: [Int], axes: [Int], joinsRows: Bool) {
        if axes.first == shape.count - axes.count {
            (innerKept, reducedCount) = (1, axes.reduce(1) { $0 * shape[$1] })
            (reducesRows, order) = (true, nil)
            return
        }
        let kept = shape.indices.filter { !axes.contains($0) }
        let inner = kept.drop { $0 < axes.last ?? 0 }
        innerKept = inner.reduce(1) { $0 * shape[$1] }
        reducedCount = axes.reduce(1) { $0 * shape[$1] }
        reducesRows = innerKept < 4 || !joinsRows
        let order =
            reducesRows ? kept + axes : Array(kept.dropLast(inner.count)) + axes + inner
        self.order = order.elementsEqual(order.indices) ? nil : order
    }

    /// Whether the elements of row-major memory are walked one after the other.
    func isInOrder(_ shape: [Int]) -> Bool {
        order.map { Layout(contiguous: shape).transposed($0).isContiguous } ?? true
    }
}

/// Blocks of rows, cut in pieces of rows and tiles of columns; the cut depends on the shape alone.
struct RowPieces {
    let blocks: Int
    let rows: Int
    let columns: Int
    /// The rows of a piece, and the columns that are taken at a time.
    let piece: Int
    let tile: Int

    /// About how many elements a worker takes at a time, and when that is enough work for all.
    static let grain = 1 << 14
    private static let enough = 64

    /// With tiles of at most `widest` columns, and pieces of a multiple of `step` rows where blocks
    /// and tiles alone are not enough work for all.
    init(blocks: Int, rows: Int, columns: Int, widest: Int, step: Int) {
        let tile = min(columns, widest)
        let few = max(Self.grain / tile / step, 1) * step
        let isEnough = blocks * ((columns + tile - 1) / tile) >= Self.enough
        self.init(
            blocks: blocks, rows: rows, columns: columns,
            piece: !isEnough && rows >= 2 * few ? few : max(rows, 1), tile: tile)
    }

    init(blocks: Int, rows: Int, columns: Int, piece: Int, tile: Int) {
        (self.blocks, self.rows, self.columns) = (blocks, rows, columns)
        (self.piece, self.tile) = (piece, tile)
    }

    /// The pieces of a block, and the tiles of a row.
    var pieces: Int { (rows + piece - 1) / piece }
    var tiles: Int { (columns + tile - 1) / tile }
    /// The tiles of all pieces.
    var count: Int { blocks * pieces * tiles }

    /// One of them: its first element, its rows and columns, and its place in [blocks, pieces,
    /// columns].
    func tile(_ index: Int) -> (start: Int, rows: Int, columns: Int, place: Int) {
        let (place, part) = index.quotientAndRemainder(dividingBy: tiles)
        let (block, number) = place.quotientAndRemainder(dividingBy: pieces)
        let first = part * tile
        return (
            (block * rows + number * piece) * columns + first, min(piece, rows - number * piece),
            min(tile, columns - first), place * columns + first
        )
    }
}
