import MLX

/// Where parameters lie in shared memory, and which of their bytes fall to this rank.
struct ShardLayout {
    /// Some bytes of one parameter.
    struct Piece {
        let parameter: Int
        /// Where they lie among the bytes of all parameters.
        let bytes: Range<Int>
    }

    let shapes: [[Int]]
    /// The first byte of each parameter.
    let offsets: [Int]
    /// The bytes of all parameters, with what lies between them.
    let byteCount: Int
    /// What this rank updates.
    let own: [Piece]
    /// What the others do.
    private let others: [Piece]

    /// Bytes of a piece, at most: what one thread treats at a time.
    private static let pieceBytes = 128 << 10

    init(_ shapes: [[Int]], rank: Int, of ranks: Int) {
        self.shapes = shapes
        var (offsets, end) = ([Int](), 0)
        let counts = shapes.map { $0.reduce(4, *) }
        for count in counts {
            offsets.append(end)
            end += (count + 63) / 64 * 64
        }
        self.offsets = offsets
        byteCount = end
        let slice = RankReduction.slices(of: end, ranks: ranks, itemSize: 4)[rank]
        func pieces(_ part: Range<Int>) -> [Piece] {
            offsets.indices.flatMap { index in
                let bytes = (offsets[index]..<offsets[index] + counts[index]).clamped(to: part)
                return stride(from: bytes.lowerBound, to: bytes.upperBound, by: Self.pieceBytes)
                    .map { start in
                        let end = min(start + Self.pieceBytes, bytes.upperBound)
                        return Piece(parameter: index, bytes: start..<end)
                    }
            }
        }
        own = pieces(slice)
        others = pieces(0..<slice.lowerBound) + pieces(slice.upperBound..<end)
    }

    /// Copies what the other ranks update of this rank's arrays to its place.
    func pack(_ arrays: [UnsafeRawPointer], into area: UnsafeMutableRawBufferPointer) {
        guard let area = area.baseAddress else { return }
        let copy = Packing(layout: self, arrays: arrays, area: area)
        Workers.shared.run(others.count) { copy.run(others[$0]) }
    }

    /// Unchecked: the pieces do not overlap.
    private struct Packing: @unchecked Sendable {
        let layout: ShardLayout
        let arrays: [UnsafeRawPointer]
        let area: UnsafeMutableRawPointer

        func run(_ piece: Piece) {
            let start = piece.bytes.lowerBound
            let source = arrays[piece.parameter] + (start - layout.offsets[piece.parameter])
            (area + start).copyMemory(from: source, byteCount: piece.bytes.count)
        }
    }
}
