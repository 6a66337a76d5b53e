/// How an operation with an index along an axis for each element is cut: in columns so narrow that
/// what the indices reach stays in the caches.
struct AlongPlan {
    /// Some rows of indices, of so many neighbouring columns.
    struct Piece {
        let indices: UnsafePointer<Int64>
        let rows: Int
        let width: Int
        /// How far apart rows begin, there and in the arrays that lie beside them.
        let pitch: Int
        /// Where the first index stands, and where the axis of its column begins in the array.
        let element: Int
        let place: Int
    }

    let axes: SplitShape
    private let count: Int
    private let width: Int
    private let rows: Int

    /// Whether each piece is all that is done in a block of the array, which stays in the caches.
    var isByBlocks: Bool { rows == count && width == axes.inner && blockFits }
    private let blockFits: Bool

    /// The bytes that the indices of a piece reach, and about how many elements a worker takes.
    private static let reach = 1 << 19
    private static let grain = 1 << 13

    /// For so many indices along the axis of an array. Where the order of equal indices counts, a
    /// column is one task.
    init(_ array: Tensor, _ axis: Int, count: Int, isOrdered: Bool) {
        axes = SplitShape(array.shape, axis)
        self.count = count
        let fits = Self.reach / max(axes.length * array.dtype.size, 1)
        width = min(axes.inner, max(fits / 16 * 16, 16))
        rows = isOrdered ? count : min(count, max(1, Self.grain / max(width, 1)))
        blockFits =
            max(axes.length, count) * axes.inner * array.dtype.size <= Self.reach && count > 0
    }

    /// Calls the body for all pieces; it answers -1, or which of the piece's indices lies outside.
    func run(
        _ primitive: some Primitive, _ indices: Tensor, on workers: Workers,
        _ body: (Piece) -> Int
    ) throws(MLXError) {
        guard axes.outer * axes.inner * count > 0 else { return }
        let reader = TileReader(indices, as: .int64)
        let (across, down) = (
            (axes.inner + width - 1) / width, (count + rows - 1) / rows
        )
        let failure = FirstFailure()
        let tasks = axes.outer * across * down
        workers.forRanges(of: tasks, grain: max(1, Self.grain / (rows * width))) { range in
            func take(_ piece: Piece) {
                let result = body(piece)
                if result >= 0 { failure.record(piece.element + result) }
            }
            if across * down == 1, range.count > 1 || isByBlocks {
                return readBlocks(range, reader, take)
            }
            for task in range {
                // All rows of a column, one after the other.
                let (rest, piece) = task.quotientAndRemainder(dividingBy: down)
                let (block, column) = rest.quotientAndRemainder(dividingBy: across)
                let first = piece * rows
                readRows(
                    first..<min(count, first + rows), block, column * width, reader, take)
            }
        }
        guard let position = failure.position else { return }
        var index: Int64 = 0
        reader.withElements(position, 1) { index = $0.load(as: Int64.self) }
        throw primitive.refusal(
            "index \(index) at position \(position) lies outside an axis of \(axes.length)")
    }

    /// Calls the body with the indices of small blocks, which are read together.
    private func readBlocks(_ range: Range<Int>, _ reader: TileReader, _ body: (Piece) -> Void) {
        let size = count * axes.inner
        reader.withElements(range.lowerBound * size, range.count * size) { indices in
            let indices = indices.assumingMemoryBound(to: Int64.self)
            for block in range {
                body(
                    Piece(
                        indices: indices + (block - range.lowerBound) * size, rows: count,
                        width: axes.inner, pitch: axes.inner, element: block * size,
                        place: block * axes.length * axes.inner))
            }
        }
    }

    /// Calls the body with whole rows of indices that follow each other, or with parts of each row.
    private func readRows(
        _ range: Range<Int>, _ block: Int, _ column: Int, _ reader: TileReader,
        _ body: (Piece) -> Void
    ) {
        let part = min(width, axes.inner - column)
        func take(_ indices: UnsafeRawPointer, _ element: Int, rows: Int, pitch: Int) {
            body(
                Piece(
                    indices: indices.assumingMemoryBound(to: Int64.self), rows: rows, width: part,
                    pitch: pitch, element: element,
                    place: block * axes.length * axes.inner + column))
        }
        let first = (block * count + range.lowerBound) * axes.inner + column
        if let indices = reader.place(first) {
            return take(indices, first, rows: range.count, pitch: axes.inner)
        }
        let step = part == axes.inner ? max(1, Self.grain / part) : 1
        for row in stride(from: range.lowerBound, to: range.upperBound, by: step) {
            let taken = min(step, range.upperBound - row)
            let element = (block * count + row) * axes.inner + column
            reader.withElements(element, taken * part) {
                take($0, element, rows: taken, pitch: part)
            }
        }
    }
}
