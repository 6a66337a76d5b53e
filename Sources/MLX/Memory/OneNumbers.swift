import CKernels

/// Which sources of a program are one number, for all elements or for each row, wherever they are
/// read, and have kernels for that: they need not be spread over tiles.
struct OneNumbers {
    private let sources: UnsafeMutableBufferPointer<Tiles.Source>
    private var bits: UInt64 = 0

    /// The least elements of a row that are worth a call.
    private static let leastRow = 128

    /// Puts these kernels in the instructions' place, and the numbers in that of their sources,
    /// where so many elements are worth it.
    static func take(
        _ sources: UnsafeMutableBufferPointer<Tiles.Source>, count: Int,
        _ instructions: UnsafeMutableBufferPointer<TileProgram.Instruction>
    ) {
        if count < leastRow { return }
        var ones = OneNumbers(sources: sources)
        for index in 0..<min(sources.count, UInt64.bitWidth) where ones.mayBeNumber(index) {
            ones.bits |= 1 << index
        }
        if ones.bits == 0 { return }
        for instruction in instructions where ones.kernel(instruction) == nil {
            instruction.inputs.forEach(of: instruction.body) { ones.remove($0) }
        }
        if ones.bits != 0 { ones.fit(instructions) }
    }

    private init(sources: UnsafeMutableBufferPointer<Tiles.Source>) { self.sources = sources }

    private func fit(_ instructions: UnsafeMutableBufferPointer<TileProgram.Instruction>) {
        for index in instructions.indices {
            guard let kernel = kernel(instructions[index]) else { continue }
            let side = side(instructions[index].inputs)
            instructions[index].body = kernel
            guard let side, case .binary = kernel else { continue }
            let input = instructions[index].inputs
            let one = side == .first ? input.first : input.second
            if number(one) == nil { instructions[index].column = side }
        }
        for index in sources.indices where contains(index) {
            if let address = number(index) {
                sources[index] = .number(address)
            } else if case .gathered(let walk) = sources[index] {
                sources[index] = .column(walk, length: walk.rowLength)
            }
        }
    }

    private func mayBeNumber(_ source: Int) -> Bool {
        switch sources[source] {
        case .spread: true
        case .gathered(let walk): walk.isColumn && walk.rowLength >= Self.leastRow
        default: false
        }
    }

    /// Where a source lies that is one number for all elements.
    private func number(_ source: Int) -> UnsafeMutableRawPointer? {
        if case .spread(let address, _) = sources[source] { address } else { nil }
    }

    private func contains(_ input: Int) -> Bool {
        input < UInt64.bitWidth && bits >> input & 1 != 0
    }

    private mutating func remove(_ input: Int) {
        if contains(input) { bits &= ~(1 << input) }
    }

    /// Which of two operands is one number; nil where neither or both are.
    private func side(_ operands: TileProgram.Operands) -> TileProgram.Instruction.Side? {
        switch (contains(operands.first), contains(operands.second)) {
        case (true, false): .first
        case (false, true): .second
        default: nil
        }
    }

    /// The kernel for the operand that is one number.
    private func kernel(_ instruction: TileProgram.Instruction) -> TileKernel.Body? {
        guard case .binary(let kernel) = instruction.body, let side = side(instruction.inputs)
        else { return nil }
        if side == .second, let address = number(instruction.inputs.second),
            let quicker = ck_with_number(kernel, address)
        {
            return .unary(quicker)
        }
        return ck_with_one(kernel, side == .first ? 1 : 0).map { .binary($0) }
    }
}
