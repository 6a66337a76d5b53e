import CKernels

/// Transforms of a long row as those of the columns and rows of a matrix, shared by the workers:
/// D. Bailey, "FFTs in external or hierarchical memory" (1990).
///
/// Number `columns · i + j` of the row is at row i and column j. The columns are transformed and
/// turned, then the rows; number k of row i is then number `rows · k + i` of the result. Eight
/// columns, and eight rows, are lanes; between the two the rows lie as the second step reads them.
struct FourierMatrix {
    typealias Planes = FourierRow.Planes

    /// Turned matrices of as many numbers are written past the caches, which would read each line
    /// first.
    private static let pastCaches = 1 << 18

    private let rows: Int
    private let columns: Int
    private let columnPasses: FourierPasses
    private let rowPasses: FourierPasses
    /// The first roots of the whole length, a number a column.
    private let roots: Tensor

    /// Nil where the length has a prime that is too large for a pass.
    init?(length: Int) {
        (rows, columns) = Self.sides(of: length)
        guard let columnPasses = FourierPasses(length: rows, lanes: .rows) else { return nil }
        self.columnPasses = columnPasses
        if rows == columns {
            rowPasses = columnPasses
        } else {
            guard let passes = FourierPasses(length: columns, lanes: .rows) else { return nil }
            rowPasses = passes
        }
        roots = Tensor(Spec([2 * Self.padded(columns)], .float64))
        ck_fourier_roots(roots.address.as(Double.self), Self.padded(columns), length)
    }

    /// The divisors next to the root; of lengths of many twos those that eights make up.
    private static func sides(of length: Int) -> (rows: Int, columns: Int) {
        let unit = length % 64 == 0 ? 8 : 1
        let area = length / (unit * unit)
        var side = Int(Double(area).squareRoot())
        while area % side != 0 { side -= 1 }
        return (side * unit, area / side * unit)
    }

    private static func padded(_ count: Int) -> Int { (count + 7) / 8 * 8 }

    var length: Int { rows * columns }

    /// Whether the eights of the result are of one row of the matrix's columns.
    var takesEights: Bool { rows % 8 == 0 && columns % 8 == 0 }

    /// The doubles of the turned matrix.
    var room: Int { 2 * Self.padded(rows) * columns }

    /// Transforms a row.
    func transform(
        _ source: FourierRow.Source, to target: FourierRow.Target, room: Planes,
        on workers: Workers
    ) {
        let pastCaches = rows * columns >= Self.pastCaches
        columnPasses.forEights(of: columns, on: workers) { column, count, scratch in
            let lanes = transformColumns(source, at: column, count: count, scratch)
            ck_fourier_turn(
                room, lanes, roots.address.as(Double.self), Self.padded(columns), rows,
                columns, column, count, pastCaches)
            if pastCaches { ck_await_copies() }
        }
        transformRows(room, to: target, on: workers)
    }

    private func transformColumns(
        _ source: FourierRow.Source, at column: Int, count: Int, _ scratch: Planes
    ) -> Planes {
        switch source {
        case .numbers(let numbers, let isInverse):
            let numbers = UnsafeMutablePointer(mutating: numbers)
            return columnPasses.transform(
                FourierPasses.Columns(address: numbers + 2 * column, pitch: columns),
                count: count, isInverse: isInverse, room: scratch)
        case .planes(let planes):
            ck_fourier_load_planes(scratch, planes + column, rows, columns, rows * columns)
            return columnPasses.transform(room: scratch)
        }
    }

    private func transformRows(
        _ turned: Planes, to target: FourierRow.Target, on workers: Workers
    ) {
        switch target {
        case .numbers(let numbers, let isInverse):
            let panels = FourierPanels(passes: rowPasses, columns: rows)
            panels.run(to: numbers, on: workers) { _, row, count, place, room in
                rowPasses.transform(
                    lanes: turned + 2 * row * columns, to: place, count: count,
                    isInverse: isInverse, total: rows * columns, room: room)
            }
        case .eights(let eights):
            rowPasses.forEights(of: rows, on: workers) { row, _, room in
                let result = rowPasses.transform(lanes: turned + 2 * row * columns, room: room)
                ck_fourier_store_eights(eights + 2 * row, result, columns, rows / 8)
            }
        }
    }
}
