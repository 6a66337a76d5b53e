import CKernels

/// What the moments of numbers are computed with.
protocol MomentNumber: BinaryFloatingPoint, HasDType {
    typealias Written = UnsafeMutablePointer<Self>
    typealias Read = UnsafePointer<Self>

    static func addDistances(
        _ sums: Written, _ squares: Written, from: Read, _ rows: Read, _ count: Int,
        _ stride: Int, _ columns: Int)
    static func settleDistances(
        _ sums: Written, _ squares: Written, from: Read, _ origin: Read, _ count: Int,
        _ columns: Int)
    static func joinMoments(
        _ means: Written, _ squares: Written, _ origin: Read, _ count: Int, _ moreMeans: Read,
        _ moreSquares: Read, _ moreOrigin: Read, _ more: Int, _ columns: Int)
    static func momentsOfRow(
        _ mean: Written, _ squares: Written, _ x: Read, _ count: Int, _ origin: Self)
}

extension Float: MomentNumber {
    static func addDistances(
        _ sums: Written, _ squares: Written, from: Read, _ rows: Read, _ count: Int,
        _ stride: Int, _ columns: Int
    ) {
        ck_add_distances_f32(sums, squares, from, rows, count, stride, columns)
    }
    static func settleDistances(
        _ sums: Written, _ squares: Written, from: Read, _ origin: Read, _ count: Int,
        _ columns: Int
    ) {
        ck_settle_distances_f32(sums, squares, from, origin, count, columns)
    }
    static func joinMoments(
        _ means: Written, _ squares: Written, _ origin: Read, _ count: Int, _ moreMeans: Read,
        _ moreSquares: Read, _ moreOrigin: Read, _ more: Int, _ columns: Int
    ) {
        ck_join_moments_f32(
            means, squares, origin, count, moreMeans, moreSquares, moreOrigin, more, columns)
    }
    static func momentsOfRow(
        _ mean: Written, _ squares: Written, _ x: Read, _ count: Int, _ origin: Self
    ) {
        ck_moments_row_f32(mean, squares, x, count, origin)
    }
}

extension Double: MomentNumber {
    static func addDistances(
        _ sums: Written, _ squares: Written, from: Read, _ rows: Read, _ count: Int,
        _ stride: Int, _ columns: Int
    ) {
        ck_add_distances_f64(sums, squares, from, rows, count, stride, columns)
    }
    static func settleDistances(
        _ sums: Written, _ squares: Written, from: Read, _ origin: Read, _ count: Int,
        _ columns: Int
    ) {
        ck_settle_distances_f64(sums, squares, from, origin, count, columns)
    }
    static func joinMoments(
        _ means: Written, _ squares: Written, _ origin: Read, _ count: Int, _ moreMeans: Read,
        _ moreSquares: Read, _ moreOrigin: Read, _ more: Int, _ columns: Int
    ) {
        ck_join_moments_f64(
            means, squares, origin, count, moreMeans, moreSquares, moreOrigin, more, columns)
    }
    static func momentsOfRow(
        _ mean: Written, _ squares: Written, _ x: Read, _ count: Int, _ origin: Self
    ) {
        ck_moments_row_f64(mean, squares, x, count, origin)
    }
}

/// The means and variances of elements, each read once: of runs that follow each other, or of the
/// columns of blocks of rows.
struct MomentRows<Number: MomentNumber> {
    private let blocks: Int
    private let rows: Int
    private let columns: Int
    /// The rows of a piece, and the columns that are taken at a time; they depend on the shape alone.
    private let piece: Int
    private let tile: Int
    private let reader: TileReader

    /// So many rows of columns are summed before they are settled.
    private static var few: Int { 64 }
    /// About how many elements a worker takes at a time, and when blocks are enough work for all.
    private static var grain: Int { 1 << 14 }
    private static var enough: Int { 64 }
    private static var widest: Int { 1024 }

    init(_ source: TileSource, axes: [Int]) {
        let plan = ReductionPlan(source.spec.shape, axes: axes, joinsRows: true)
        columns = plan.reducesRows ? 1 : plan.innerKept
        rows = plan.reducedCount
        blocks = source.spec.count / (rows * columns)
        reader = TileReader(source.transposed(plan.order), as: Number.dtype)
        tile = min(columns, Self.widest)
        if columns == 1 {
            piece = min(rows, Self.grain)
        } else {
            let most = max(Self.grain / tile / Self.few, 1) * Self.few
            let tasks = blocks * ((columns + tile - 1) / tile)
            piece = tasks < Self.enough && rows >= 2 * most ? most : rows
        }
    }

    private var pieces: Int { (rows + piece - 1) / piece }

    /// Writes the mean and the variance of each run or column, [blocks, columns].
    func write(mean: Tensor, variance: Tensor, on workers: Workers) {
        let means = mean.address.assumingMemoryBound(to: Number.self)
        let squares = variance.address.assumingMemoryBound(to: Number.self)
        if pieces == 1 {
            sum(Moments(means: means, squares: squares, origins: nil), on: workers)
        } else {
            let count = blocks * pieces * columns
            let partials = Tensor(Spec([3, count], Number.dtype))
            let first = partials.address.assumingMemoryBound(to: Number.self)
            let origins = first + 2 * count
            let ofPieces = Moments(means: first, squares: first + count, origins: origins)
            sum(ofPieces, on: workers)
            join(ofPieces, origins, on: workers)
            for index in 0..<blocks * columns {
                let (block, column) = index.quotientAndRemainder(dividingBy: columns)
                let from = block * pieces * columns + column
                means[index] = origins[from] + ofPieces.means[from]
                squares[index] = ofPieces.squares[from]
            }
        }
        for index in 0..<blocks * columns { squares[index] /= Number(rows) }
    }

    /// Where means and sums of squares go, and with them the origins from which the means are
    /// counted, or nothing where they are counted from zero.
    private struct Moments {
        let means: UnsafeMutablePointer<Number>
        let squares: UnsafeMutablePointer<Number>
        let origins: UnsafeMutablePointer<Number>?
    }

    /// Those of each piece, [blocks, pieces, columns].
    private func sum(_ moments: Moments, on workers: Workers) {
        if columns == 1 { return sumRuns(moments, on: workers) }
        let (pieces, tiles) = (pieces, (columns + tile - 1) / tile)
        let grain = max(Self.grain / (piece * tile), 1)
        workers.forRanges(of: blocks * pieces * tiles, grain: grain) { range in
            for task in range {
                let (place, part) = task.quotientAndRemainder(dividingBy: tiles)
                let (block, index) = place.quotientAndRemainder(dividingBy: pieces)
                let first = part * tile
                sumColumns(
                    (block * rows + index * piece) * columns + first,
                    min(piece, rows - index * piece), min(tile, columns - first), moments,
                    place * columns + first)
            }
        }
    }

    /// Runs of one piece, several at a time, or pieces of runs.
    private func sumRuns(_ moments: Moments, on workers: Workers) {
        let (pieces, most) = (pieces, max(1, reader.batch / rows))
        workers.forRanges(of: blocks * pieces, grain: max(1, Self.grain / piece)) { range in
            for first in stride(from: range.lowerBound, to: range.upperBound, by: most) {
                let count = min(most, range.upperBound - first)
                let (block, index) = first.quotientAndRemainder(dividingBy: pieces)
                let length = min(piece, rows - index * piece)
                reader.withElements(block * rows + index * piece, count * length) { elements in
                    let x = elements.assumingMemoryBound(to: Number.self)
                    for run in 0..<count {
                        let (from, place) = (x + run * length, first + run)
                        if let origins = moments.origins { origins[place] = from[0] }
                        Number.momentsOfRow(
                            moments.means + place, moments.squares + place, from, length,
                            moments.origins == nil ? 0 : from[0])
                    }
                }
            }
        }
    }

    /// The columns of a piece, of which each element is read once.
    private func sumColumns(
        _ start: Int, _ count: Int, _ width: Int, _ moments: Moments, _ place: Int
    ) {
        let (means, squares) = (moments.means + place, moments.squares + place)
        withThreadMemory(4 * width * MemoryLayout<Number>.stride) { memory in
            let own = memory.bindMemory(to: Number.self, capacity: 4 * width)
            let origin = moments.origins.map { $0 + place } ?? own
            let (from, sums, ofSquares) = (own + width, own + 2 * width, own + 3 * width)
            for first in stride(from: 0, to: count, by: Self.few) {
                let some = min(Self.few, count - first)
                sums.update(repeating: 0, count: 2 * width)
                forRows(start + first * columns, some, width) { rows, count, stride, isFirst in
                    if isFirst { from.update(from: rows, count: width) }
                    Number.addDistances(sums, ofSquares, from: from, rows, count, stride, width)
                }
                if first == 0 { origin.update(from: from, count: width) }
                Number.settleDistances(sums, ofSquares, from: from, origin, some, width)
                if first == 0 {
                    means.update(from: sums, count: width)
                    squares.update(from: ofSquares, count: width)
                } else {
                    Number.joinMoments(
                        means, squares, origin, first, sums, ofSquares, origin, some, width)
                }
            }
            if moments.origins == nil {
                for column in 0..<width { means[column] += origin[column] }
            }
        }
    }

    /// Calls the body with some rows: all where they lie, or as many as are best made at a time.
    private func forRows(
        _ start: Int, _ count: Int, _ width: Int,
        _ body: (UnsafePointer<Number>, _ count: Int, _ stride: Int, _ isFirst: Bool) -> Void
    ) {
        if let rows = reader.eightRows(start, apart: columns, width), rows.areAll {
            body(rows.first.assumingMemoryBound(to: Number.self), count, rows.stride, true)
            return
        }
        let most = width == columns ? max(1, reader.batch / width) : 1
        for row in stride(from: 0, to: count, by: most) {
            let some = min(most, count - row)
            reader.withElements(start + row * columns, some * width) { rows in
                body(rows.assumingMemoryBound(to: Number.self), some, width, row == 0)
            }
        }
    }

    /// Joins the pieces in pairs, and what comes out in pairs; the first of a block has it all then.
    private func join(
        _ moments: Moments, _ origins: UnsafeMutablePointer<Number>, on workers: Workers
    ) {
        let (pieces, tiles) = (pieces, (columns + tile - 1) / tile)
        let (means, squares) = (moments.means, moments.squares)
        let grain = max(1, Self.grain / (pieces * tile))
        workers.forRanges(of: blocks * tiles, grain: grain) { range in
            for task in range {
                let (block, part) = task.quotientAndRemainder(dividingBy: tiles)
                let first = part * tile
                let start = block * pieces * columns + first
                var step = 1
                while step < pieces {
                    for index in stride(from: 0, to: pieces - step, by: 2 * step) {
                        let (to, from) = (start + index * columns, start + (index + step) * columns)
                        let more = min((index + 2 * step) * piece, rows) - (index + step) * piece
                        Number.joinMoments(
                            means + to, squares + to, origins + to, step * piece, means + from,
                            squares + from, origins + from, more, min(tile, columns - first))
                    }
                    step *= 2
                }
            }
        }
    }
}
