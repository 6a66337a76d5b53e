import CKernels

extension UnsafeMutableBufferPointer<TileProgram.Instruction> {
    /// Puts one kernel in the place of two where there is one, so that what passes between them stays
    /// in registers: the instructions that are left, at the start of the same memory.
    func joiningTwos() -> UnsafeBufferPointer<TileProgram.Instruction> {
        var (next, left) = (0, 0)
        while next < count {
            var instruction = self[next]
            next += 1
            if instruction.isForNext, let two = instruction.joined(with: self[next]) {
                instruction = two
                next += 1
            }
            self[left] = instruction
            left += 1
        }
        return UnsafeBufferPointer(rebasing: self[..<left])
    }
}

extension UnsafeBufferPointer<TileProgram.Instruction> {
    /// How many temporary tiles the instructions write to, which come after so many values.
    func temporaries(after first: Int) -> Int {
        reduce(0) { Swift.max($0, $1.output + 1 - first) }
    }
}

extension TileProgram.Instruction {
    /// This instruction and the only one that reads what it makes in one, if there is a kernel.
    fileprivate func joined(with reader: Self) -> Self? {
        guard case .binary(let first) = body, case .binary(let second) = reader.body,
            column == nil, reader.column == nil
        else { return nil }
        let isMadeFirst = reader.inputs.first == output
        if isMadeFirst, reader.inputs.second == output { return nil }
        guard let kernel = ck_two_in_one(first, second, isMadeFirst ? 1 : 0) else { return nil }
        var two = reader
        two.body = .ternary(kernel)
        two.inputs = TileProgram.Operands(
            first: inputs.first, second: inputs.second,
            third: isMadeFirst ? reader.inputs.second : reader.inputs.first)
        return two
    }
}
