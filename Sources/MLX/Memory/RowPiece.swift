/// A few rows that lie one behind the other, so few that they stay in the first caches: as many as
/// are converted to the type that is computed in at a time.
struct RowPiece: Sequence {
    let rows: Range<Int>
    let length: Int
    let itemSize: Int

    /// The first element, and how many there are.
    var start: Int { rows.lowerBound * length }
    var count: Int { rows.count * length }

    /// Some rows in pieces, of no fewer than `least` rows.
    static func all(
        of rows: Range<Int>, length: Int, least: Int = 1, itemSize: Int
    ) -> some Sequence<RowPiece> {
        rows.pieces(of: Swift.max(least, 4096 / Swift.max(length, 1))).lazy.map {
            RowPiece(rows: $0, length: length, itemSize: itemSize)
        }
    }

    /// The rows, and in bytes how far they are behind the first one.
    func makeIterator() -> some IteratorProtocol<(row: Int, place: Int)> {
        let (first, bytes) = (rows.lowerBound, length * itemSize)
        return rows.lazy.map { ($0, ($0 - first) * bytes) }.makeIterator()
    }
}
