import CKernels
import MLX

/// Joins the same elements of all ranks in the order of a balanced binary tree over the ranks.
///
/// The order is that of `RankTree`, so that the bits of a sum depend on nothing else.
struct TreeFold {
    /// Elements that are joined at a time: with their intermediate sums they stay in the L1 cache.
    private static let tile = 2048

    private let element: RankReduction.Element
    private let join: ck_binary

    init(_ reduction: RankReduction) {
        element = reduction.element
        join = Self.kernel(reduction)
    }

    /// Writes `count` joined elements to `target`, and to `copy` where one is given.
    ///
    /// `target` may be the memory of one of the sources.
    func run(
        _ sources: [UnsafeRawPointer], into target: UnsafeMutableRawPointer,
        copy: UnsafeMutableRawPointer? = nil, count: Int
    ) {
        let levels = max(1, Int.bitWidth - sources.count.leadingZeroBitCount)
        withUnsafeTemporaryAllocation(
            byteCount: (levels + 1) * Self.tile * 8, alignment: 64
        ) { scratch in
            guard let base = scratch.baseAddress else { return }
            for start in stride(from: 0, to: count, by: Self.tile) {
                let piece = Piece(
                    offset: start * element.size, count: min(Self.tile, count - start))
                finish(sources, piece, into: target + piece.offset, base)
                if let copy {
                    (copy + piece.offset).copyMemory(
                        from: target + piece.offset, byteCount: piece.count * element.size)
                }
            }
        }
    }

    /// Some elements of every source.
    private struct Piece {
        let offset: Int
        let count: Int
    }

    /// Joins one tile; only the last operation writes to the target.
    private func finish(
        _ sources: [UnsafeRawPointer], _ piece: Piece, into target: UnsafeMutableRawPointer,
        _ scratch: UnsafeMutableRawPointer
    ) {
        let isHalf = element == .float16 || element == .bfloat16
        let sum = combine(sources, 0..<sources.count, piece, scratch, last: isHalf ? nil : target)
        if isHalf {
            HalfConversion.narrow(
                sum.assumingMemoryBound(to: Float.self), count: piece.count, element, into: target)
        } else if sum != UnsafeRawPointer(target) {
            target.copyMemory(from: sum, byteCount: piece.count * element.size)
        }
    }

    /// The joined elements of some ranks: in `last`, in scratch memory, or as they are.
    private func combine(
        _ sources: [UnsafeRawPointer], _ ranks: Range<Int>, _ piece: Piece,
        _ scratch: UnsafeMutableRawPointer, last: UnsafeMutableRawPointer? = nil
    ) -> UnsafeRawPointer {
        let next = scratch + Self.tile * 8
        guard ranks.count > 1 else {
            let source = sources[ranks.lowerBound] + piece.offset
            guard element == .float16 || element == .bfloat16 else { return source }
            HalfConversion.widen(
                source, element, count: piece.count,
                into: scratch.assumingMemoryBound(to: Float.self))
            return UnsafeRawPointer(scratch)
        }
        let middle = RankTree.middle(of: ranks)
        let left = combine(sources, ranks.lowerBound..<middle, piece, scratch)
        let right = combine(sources, middle..<ranks.upperBound, piece, next)
        let result = last ?? scratch
        join(result, left, right, piece.count)
        return UnsafeRawPointer(result)
    }

    private static func kernel(_ reduction: RankReduction) -> ck_binary {
        let code = code(reduction.element)
        let kernel =
            switch reduction.operation {
            case .sum: ck_add(code)
            case .max: ck_maximum(code)
            case .min: ck_minimum(code)
            }
        guard let kernel else {
            preconditionFailure("[allReduce] no kernel joins \(reduction.element)")
        }
        return kernel
    }

    /// The type that elements are joined in, as kernels number it.
    private static func code(_ element: RankReduction.Element) -> Int32 {
        let dtype: DType =
            switch element {
            case .int8: .int8
            case .int16: .int16
            case .int32: .int32
            case .int64: .int64
            case .uint8: .uint8
            case .uint16: .uint16
            case .uint32: .uint32
            case .uint64: .uint64
            case .float16, .bfloat16, .float32: .float32
            case .float64: .float64
            }
        return dtype.code
    }
}

/// The binary tree in which the values of the ranks of a group are joined.
///
/// A node over ranks a ..< b joins those below the middle with those from it on. A rank's block of
/// micro-batches is dealt and joined by the same halving, so that a job on 1, 2, 4 or 8 ranks joins
/// the same micro-batches in the same order.
package enum RankTree {
    /// The first rank of the right half.
    package static func middle(of ranks: Range<Int>) -> Int {
        ranks.lowerBound + (ranks.count + 1) / 2
    }

    /// The first piece of the right half of a block of pieces.
    package static func middle(ofPieces pieces: Range<Int>) -> Int {
        pieces.lowerBound + pieces.count / 2
    }

    /// The sum of a rank's numbers, halved as its micro-batches are.
    package static func sum(_ values: some RandomAccessCollection<Double>) -> Double {
        guard let first = values.first, values.count > 1 else { return values.first ?? 0 }
        if values.count == 2 { return values.dropFirst().reduce(first, +) }
        let half = values.count / 2
        return sum(values.prefix(half)) + sum(values.dropFirst(half))
    }

    /// The block of `pieces` things that falls to a rank when ranks and things are halved together.
    ///
    /// On a number of ranks that is not a power of two some ranks get twice as many as others.
    package static func block(of pieces: Int, rank: Int, world: Int) -> Range<Int> {
        var (ranks, block) = (0..<world, 0..<pieces)
        while ranks.count > 1 {
            let (middle, half) = (middle(of: ranks), middle(ofPieces: block))
            if rank < middle {
                (ranks, block) = (ranks.lowerBound..<middle, block.lowerBound..<half)
            } else {
                (ranks, block) = (middle..<ranks.upperBound, half..<block.upperBound)
            }
        }
        return block
    }

    /// Whether joining the values of each node's ranks first, and the nodes' values then, is the
    /// order of this tree; `nodes` are the ranks of each node, in order of their first rank.
    package static func agrees(nodes: [Range<Int>]) -> Bool {
        func joins(_ ranks: Range<Int>, _ parts: ArraySlice<Range<Int>>) -> Bool {
            guard let first = parts.first else { return false }
            if parts.count == 1 { return first == ranks }
            let middle = RankTree.middle(of: ranks)
            let half = RankTree.middle(of: parts.startIndex..<parts.endIndex)
            return joins(ranks.lowerBound..<middle, parts[..<half])
                && joins(middle..<ranks.upperBound, parts[half...])
        }
        guard let last = nodes.last else { return false }
        return joins(0..<last.upperBound, nodes[...])
    }
}
