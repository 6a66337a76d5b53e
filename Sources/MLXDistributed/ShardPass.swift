import CKernels
import MLX

/// What a rank does with its slice of all parameters, a small tile after the other.
///
/// Unchecked: the pieces of a pass do not overlap.
struct ShardPass: @unchecked Sendable {
    enum Part { case join, update, all }

    /// Elements that are treated at a time: with all that belongs to them they stay in the L2 cache.
    private static let tile = 4096

    let layout: ShardLayout
    /// This rank's gradients, where they are.
    let own: [UnsafeRawPointer]
    /// The gradients of each rank, of which this rank's slice of its own is not packed.
    let gradients: [UnsafeMutableRawPointer]
    let place: Int
    /// The joined gradients, where they are needed once more.
    let sums: UnsafeMutableRawPointer
    /// The parameters, and then each array of the state, as they are and as they will be.
    let source: [UnsafeMutableRawPointer]
    let target: [UnsafeMutableRawPointer]
    let divisor: Float
    /// The rule of each parameter.
    let rules: [UpdateRule]
    private let loops = Loops()

    /// Kernels over float32.
    private struct Loops {
        let fold: TreeFold
        let divide: ck_binary
        let multiply: ck_binary
        let square: ck_unary
        let sum: ck_reduce

        init() {
            let code = DType.float32.code
            guard
                let reduction = try? RankReduction(dtype: .float32, operation: .sum, byteCount: 0),
                let divide = ck_divide(code), let multiply = ck_multiply(code),
                let square = ck_square(code), let sum = ck_sum_row(code)
            else { preconditionFailure("[ShardPass] no kernel joins float32") }
            fold = TreeFold(reduction)
            (self.divide, self.multiply, self.square, self.sum) = (divide, multiply, square, sum)
        }
    }

    /// Treats the slice; gives the sum of the squares of the joined gradients.
    func run(_ part: Part, scale: Float) -> Double {
        // Each piece's sum is kept apart, so that the total does not depend on the threads.
        let totals = Scratch(byteCount: max(1, layout.own.count) * 8)
        let values = totals.buffer.bindMemory(to: Double.self)
        values.update(repeating: 0)
        let cells = SharedBytes(totals.buffer)
        Workers.shared.run(layout.own.count) { index in
            let total = treat(layout.own[index], part, scale)
            cells.buffer.storeBytes(of: total, toByteOffset: index * 8, as: Double.self)
        }
        return values.reduce(0, +)
    }

    private func treat(_ piece: ShardLayout.Piece, _ part: Part, _ scale: Float) -> Double {
        var total = 0.0
        // The joined tile, its squares, and the number that it is divided or multiplied by.
        withUnsafeTemporaryAllocation(byteCount: 3 * Self.tile * 4, alignment: 64) { scratch in
            guard let room = scratch.baseAddress else { return }
            let (squares, factor) = (room + Self.tile * 4, room + 2 * Self.tile * 4)
            factor.assumingMemoryBound(to: Float.self)
                .update(repeating: part == .update ? scale : divisor, count: Self.tile)
            let bytes = piece.bytes
            for start in stride(from: bytes.lowerBound, to: bytes.upperBound, by: Self.tile * 4) {
                let count = min(Self.tile, (bytes.upperBound - start) / 4)
                let joined = part == .all ? room : sums + start
                if part == .update {
                    if scale != 1 { loops.multiply(joined, joined, factor, count) }
                } else {
                    join(start, of: piece.parameter, count, into: joined, factor)
                    total += sumOfSquares(joined, count, squares)
                }
                if part != .join { update(joined, start, piece.parameter, count) }
            }
        }
        return total
    }

    /// The mean of all ranks' gradients.
    private func join(
        _ start: Int, of parameter: Int, _ count: Int, into joined: UnsafeMutableRawPointer,
        _ divisors: UnsafeMutableRawPointer
    ) {
        var addends = gradients.map { UnsafeRawPointer($0 + start) }
        addends[place] = own[parameter] + (start - layout.offsets[parameter])
        loops.fold.run(addends, into: joined, count: count)
        loops.divide(joined, joined, divisors, count)
    }

    private func sumOfSquares(
        _ values: UnsafeMutableRawPointer, _ count: Int, _ squares: UnsafeMutableRawPointer
    ) -> Double {
        var total: Float = 0
        loops.square(squares, values, count)
        loops.sum(&total, squares, count)
        return Double(total)
    }

    private func update(
        _ gradient: UnsafeMutableRawPointer, _ start: Int, _ parameter: Int, _ count: Int
    ) {
        var outputs = target.map { $0 + start }
        var inputs = source.map { UnsafeRawPointer($0 + start) }
        inputs.insert(UnsafeRawPointer(gradient), at: 1)
        let rule = rules[parameter]
        rule.kernel(&outputs, &inputs, rule.constants, count)
        // State that the rule has no use for goes along.
        for index in outputs.indices.dropFirst(1 + rule.stateCount)
        where source[index] != target[index] {
            (target[index] + start).copyMemory(from: source[index] + start, byteCount: 4 * count)
        }
    }
}
