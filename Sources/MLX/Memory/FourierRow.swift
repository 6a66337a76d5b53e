import CKernels

/// Transforms of one row whose neighbours are computed together.
enum FourierRow {
    typealias Planes = UnsafeMutablePointer<Double>

    /// Passes over the whole row.
    case passes(FourierPasses)
    /// A row that the caches next to the processor do not hold.
    case matrix(FourierMatrix)

    /// Where a row comes from.
    enum Source {
        /// Complex64; for the inverse with swapped parts.
        case numbers(UnsafePointer<Float>, isInverse: Bool)
        /// Real parts, and imaginary ones behind them.
        case planes(Planes)
    }

    /// Where a transform goes to.
    enum Target {
        /// Complex64; for the inverse with swapped parts and divided by the length.
        case numbers(UnsafeMutablePointer<Float>, isInverse: Bool)
        /// Eights of neighbours.
        case eights(Planes)
    }

    /// Rows up to this length, and their scratch, are in the cache next to a core.
    static let most = 1 << 14

    /// As many long rows are tasks each, which the workers need not wait for each other in, where
    /// one's memory is no more than so much.
    private static let manyRows = 8
    private static let mostBytes = 16 << 20

    /// Nil where rows of the length are better transformed several together, or as a convolution.
    init?(length: Int) {
        if length > Self.most {
            guard let matrix = FourierMatrix(length: length) else { return nil }
            self = .matrix(matrix)
        } else {
            guard let passes = FourierPasses(length: length, lanes: .neighbours) else { return nil }
            self = .passes(passes)
        }
    }

    /// Whether rows may come from planes, and go to eights.
    var takesEights: Bool {
        switch self {
        case .passes: true
        case .matrix(let matrix): matrix.takesEights
        }
    }

    private var length: Int {
        switch self {
        case .passes(let passes): passes.length
        case .matrix(let matrix): matrix.length
        }
    }

    /// The doubles that a transform works in.
    var room: Int {
        switch self {
        case .passes(let passes): FourierPasses.room(length: passes.length, .neighbours)
        case .matrix(let matrix): matrix.room
        }
    }

    /// Transforms a row.
    func transform(
        _ source: Source, to target: Target, room: Planes, on workers: Workers
    ) {
        switch self {
        case .passes(let passes): passes.transform(source, to: target, room: room)
        case .matrix(let matrix):
            matrix.transform(source, to: target, room: room, on: workers)
        }
    }

    /// Calls the body for rows, with as many doubles of scratch behind the transform's: several
    /// rows at once, unless the transform of each is shared by the workers.
    func forRows(
        _ rows: Int, scratch: Int = 0, on workers: Workers, _ body: (_ row: Int, Planes) -> Void
    ) {
        let bytes = (room + scratch) * MemoryLayout<Double>.size
        if case .matrix = self, rows < Self.manyRows || bytes > Self.mostBytes {
            let memory = Storage(byteCount: bytes)
            for row in 0..<rows { body(row, memory.address.as(Double.self)) }
            return
        }
        let grain = max(1, FourierPlan.taskNumbers / length)
        let memory = TaskMemory(tasks: (rows + grain - 1) / grain, byteCount: bytes)
        workers.forRanges(of: rows, grain: grain) { range in
            memory.borrow { room in
                for row in range { body(row, room.as(Double.self)) }
            }
        }
    }
}
