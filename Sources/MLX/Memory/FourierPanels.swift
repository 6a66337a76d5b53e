import CKernels

/// The way to the columns of matrices, some eights of columns at a time.
///
/// Where the rows of a matrix begin at the same place of a page, lines of a column go to few sets of
/// the caches and drive each other out while they are written. There the columns of a panel are
/// gathered first, and then written row by row.
struct FourierPanels {
    typealias Numbers = UnsafeMutablePointer<Float>
    typealias Planes = FourierPasses.Planes

    let passes: FourierPasses
    let columns: Int

    /// Distances of rows that are a multiple of as many numbers, in matrices of more than so many.
    private static let crowded = (pitch: 1 << 8, numbers: 1 << 16)
    /// The numbers of a panel that is gathered.
    private static let gatheredNumbers = 1 << 16

    private var gathers: Bool {
        columns % Self.crowded.pitch == 0 && columns * passes.length > Self.crowded.numbers
    }

    /// The eights of a panel.
    private var eights: Int {
        gathers
            ? max(2, min(8, Self.gatheredNumbers / 8 / passes.length))
            : max(1, FourierPlan.taskNumbers / 8 / passes.length)
    }

    /// Floats from an eight of a gathered panel to the next, which is not a multiple of a page.
    private var distance: Int { 16 * (passes.length + 1) }

    /// Calls the body for every eight columns of every matrix, and how many they are, with the
    /// place that their transforms go to and a room for the passes.
    func run(
        matrices: Int = 1, to target: Numbers, on workers: Workers,
        _ body: (_ matrix: Int, _ column: Int, _ count: Int, FourierPasses.Columns, Planes) -> Void
    ) {
        let (width, gathers) = (8 * eights, gathers)
        let panels = (columns + width - 1) / width
        let roomCount = FourierPasses.room(length: passes.length, .rows)
        let memory = passes.scratch(
            tasks: matrices * panels, gathers ? eights * distance / 2 : 0)
        workers.run(matrices * panels) { task in
            let (matrix, first) = (task / panels, task % panels * width)
            let end = min(columns, first + width)
            let place = target + 2 * matrix * passes.length * columns
            memory.borrow { room in
                let room = room.as(Double.self)
                let lines = UnsafeMutableRawPointer(room + roomCount).as(Float.self)
                for column in stride(from: first, to: end, by: 8) {
                    let count = min(8, columns - column)
                    let own =
                        gathers
                        ? FourierPasses.Columns(
                            address: lines + (column - first) / 8 * distance, pitch: 8)
                        : FourierPasses.Columns(address: place + 2 * column, pitch: columns)
                    body(matrix, column, count, own, room)
                }
                guard gathers else { return }
                ck_fourier_store_panel(
                    place + 2 * first, lines, passes.length, columns, distance, (end - first) / 8)
            }
        }
    }

    /// Transforms the columns of matrices of complex64 that follow each other.
    func transform(
        _ source: Numbers, to target: Numbers, matrices: Int, isInverse: Bool, on workers: Workers
    ) {
        run(matrices: matrices, to: target, on: workers) { matrix, column, count, place, room in
            let offset = 2 * (matrix * passes.length * columns + column)
            passes.transform(
                FourierPasses.Columns(address: source + offset, pitch: columns), to: place,
                count: count, isInverse: isInverse, room: room)
        }
    }
}
