import CKernels

/// Which inputs of a program are one number, for all elements or for each row, wherever they are
/// read, and have kernels for that: they need not be spread over tiles.
struct OneNumbers {
    private var bits: UInt64 = 0

    /// The least elements of a row that are worth a call.
    private static let leastRow = 128

    /// Puts these kernels in the instructions' place, where so many elements are worth it.
    init(
        _ inputs: [Tensor], count: Int,
        _ instructions: UnsafeMutableBufferPointer<TileProgram.Instruction>
    ) {
        if count < Self.leastRow { return }
        for index in 0..<min(inputs.count, UInt64.bitWidth)
        where inputs[index].layout.repetitions >= Self.leastRow { bits |= 1 << index }
        if bits == 0 { return }
        for instruction in instructions where kernel(instruction, inputs) == nil {
            instruction.inputs.forEach(of: instruction.body) { remove($0) }
        }
        if bits == 0 { return }
        for index in instructions.indices {
            guard let kernel = kernel(instructions[index], inputs) else { continue }
            let side = side(instructions[index].inputs)
            instructions[index].body = kernel
            guard let side, case .binary = kernel else { continue }
            let input = instructions[index].inputs
            let one = side == .first ? input.first : input.second
            if !inputs[one].layout.isSingle { instructions[index].column = side }
        }
    }

    func contains(_ input: Int) -> Bool { input < UInt64.bitWidth && bits >> input & 1 != 0 }

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
    private func kernel(
        _ instruction: TileProgram.Instruction, _ inputs: [Tensor]
    ) -> TileKernel.Body? {
        guard case .binary(let kernel) = instruction.body, let side = side(instruction.inputs)
        else { return nil }
        if side == .second {
            let number = inputs[instruction.inputs.second]
            if number.layout.isSingle, let quicker = ck_with_number(kernel, number.address) {
                return .unary(quicker)
            }
        }
        return ck_with_one(kernel, side == .first ? 1 : 0).map { .binary($0) }
    }
}
