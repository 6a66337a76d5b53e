/// Elementwise operations that run together: every kernel over one tile, then the next tile, so
/// that what passes between them stays in the first cache.
struct TileProgram {
    /// The elements of a tile: two inputs and two temporaries of floats fill half of the first
    /// cache.
    static let tile = 1024

    /// What a kernel reads: as many as it has inputs.
    struct Operands {
        var first = 0
        var second = 0
        var third = 0
        var fourth = 0
    }

    struct Instruction {
        var body: TileKernel.Body
        var inputs: Operands
        var output: Int
        /// The operand of a binary kernel that is one number for each row of a column.
        var column: Side?
        /// Whether the next one is the only one that reads what this one makes.
        var isForNext = false

        enum Side {
            case first
            case second
        }
    }

    /// A value of the program: where it comes from and until when it is needed.
    struct Value {
        let dtype: DType
        /// The instruction that makes it; -1 for inputs.
        let made: Int
        /// The last instruction that reads it.
        var lastUse: Int
        /// Its place among the inputs or, once it is one, the outputs; -1 for what is neither.
        var place: Int
    }

    private(set) var instructions: [Instruction] = []
    private(set) var values: [Value] = []
    /// The values that are inputs, and those that are outputs, in their order.
    private(set) var inputs: [Int] = []
    private(set) var outputs: [Int] = []
    /// The value that a ``TileReader`` hands on.
    private(set) var result: Int?

    /// Makes it a program without calls again, whose memory stays.
    mutating func clear() {
        instructions.empty()
        values.empty()
        inputs.empty()
        outputs.empty()
        result = nil
    }

    /// Adds an input.
    mutating func addInput(_ dtype: DType) -> Int {
        let value = append(Value(dtype: dtype, made: -1, lastUse: -1, place: inputs.count))
        inputs.append(value)
        return value
    }

    /// Adds a kernel's call on values, with the conversions that it needs; the result has the type
    /// that the array has in memory, so that what is fused makes no difference to its bits.
    mutating func addCall(_ kernel: TileKernel, _ operands: Operands, output: DType) -> Int {
        var inputs = operands
        inputs.first = convert(operands.first, to: kernel.first)
        switch kernel.body {
        case .unary: break
        case .binary: inputs.second = convert(operands.second, to: kernel.others)
        case .ternary:
            inputs.second = convert(operands.second, to: kernel.others)
            inputs.third = convert(operands.third, to: kernel.others)
        case .quaternary:
            inputs.second = convert(operands.second, to: kernel.others)
            inputs.third = convert(operands.third, to: kernel.others)
            inputs.fourth = convert(operands.fourth, to: kernel.others)
        }
        return convert(emit(kernel.body, inputs, kernel.output), to: output)
    }

    /// Writes a value to memory as the next output.
    mutating func addOutput(_ value: Int) {
        values[value].place = outputs.count
        outputs.append(value)
    }

    /// Hands a value on to who reads it, whether or not it is written to memory as well.
    mutating func setResult(_ value: Int) {
        values[value].lastUse = instructions.count
        result = value
    }

    private mutating func convert(_ value: Int, to dtype: DType) -> Int {
        if values[value].dtype == dtype { return value }
        let kernel = Kernels.convert(from: values[value].dtype, to: dtype)
        return emit(.unary(kernel), Operands(first: value), dtype)
    }

    private mutating func emit(
        _ body: TileKernel.Body, _ inputs: Operands, _ dtype: DType
    ) -> Int {
        let position = instructions.count
        inputs.forEach(of: body) { values[$0].lastUse = position }
        let value = append(Value(dtype: dtype, made: position, lastUse: position, place: -1))
        instructions.append(Instruction(body: body, inputs: inputs, output: value))
        return value
    }

    private mutating func append(_ value: Value) -> Int {
        values.append(value)
        return values.count - 1
    }

    /// Whether an input's memory may be written by an output: it is read no later than the output
    /// is written.
    func canReuse(input: Int, forOutput output: Int) -> Bool {
        let (read, written) = (values[inputs[input]], values[outputs[output]])
        return read.lastUse <= written.made && read.dtype.size == written.dtype.size
    }
}

extension TileProgram.Instruction {
    /// Calls the kernel on the values of a table of pointers.
    @inline(__always)
    func run(_ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ count: Int) {
        switch body {
        case .unary(let kernel): kernel(table[output], table[inputs.first], count)
        case .binary(let kernel):
            kernel(table[output], table[inputs.first], table[inputs.second], count)
        case .ternary(let kernel):
            kernel(
                table[output], table[inputs.first], table[inputs.second], table[inputs.third], count
            )
        case .quaternary(let kernel):
            kernel(
                table[output], table[inputs.first], table[inputs.second], table[inputs.third],
                table[inputs.fourth], count)
        }
    }
}

extension TileProgram.Operands {
    /// Calls the body with each operand that a kernel reads.
    @inline(__always)
    func forEach(of kernel: TileKernel.Body, _ body: (Int) -> Void) {
        body(first)
        switch kernel {
        case .unary: break
        case .binary: body(second)
        case .ternary:
            body(second)
            body(third)
        case .quaternary:
            body(second)
            body(third)
            body(fourth)
        }
    }
}

extension TileProgram {
    /// The program with its values laid on pointers.
    func laidOut() -> TileRun {
        var run = TileRun()
        layOut(&run)
        return run
    }

    /// Lays the values on pointers: inputs, then outputs, then temporary tiles, which are used again
    /// when their value is done with; the result has one to itself.
    func layOut(_ run: inout TileRun) {
        run.clear()
        let first = inputs.count + outputs.count
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 2 * values.count) { memory in
            let slots = memory.baseAddress.unsafelyUnwrapped
            var free = FreeSlots(slots: slots + values.count)
            for index in values.indices {
                run.widest = max(run.widest, values[index].dtype.size)
                // Outputs have a place of their own each.
                slots[index] = values[index].place
                if values[index].made >= 0, slots[index] >= 0 { slots[index] += inputs.count }
            }
            for (position, instruction) in instructions.enumerated() {
                let output = values[instruction.output]
                let width = output.dtype.size
                // In place only where the elements have one size: a narrow result would run over
                // wide inputs that are still to be read.
                instruction.inputs.forEach(of: instruction.body) { input in
                    let slot = slots[input]
                    if slot >= first, values[input].lastUse == position,
                        values[input].dtype.size == width
                    {
                        free.add(slot)
                    }
                }
                if slots[instruction.output] < 0 {
                    if instruction.output != result, let slot = free.takeLast() {
                        slots[instruction.output] = slot
                    } else {
                        slots[instruction.output] = first + run.temporaries
                        run.temporaries += 1
                    }
                }
                let isForNext =
                    output.place < 0 && output.lastUse == position + 1
                    && instruction.output != result
                run.hasPairs = run.hasPairs || isForNext
                run.instructions.append(
                    Instruction(
                        body: instruction.body,
                        inputs: Operands(
                            first: slots[instruction.inputs.first],
                            second: slots[instruction.inputs.second],
                            third: slots[instruction.inputs.third],
                            fourth: slots[instruction.inputs.fourth]),
                        output: slots[instruction.output],
                        isForNext: isForNext))
                instruction.inputs.forEach(of: instruction.body) { input in
                    let slot = slots[input]
                    if slot >= first, values[input].lastUse == position,
                        values[input].dtype.size != width
                    {
                        free.add(slot)
                    }
                }
            }
            run.result = result.map { slots[$0] }
        }
    }
}

/// Temporary tiles whose values are done with.
private struct FreeSlots {
    /// As many as there may be.
    let slots: UnsafeMutablePointer<Int>
    private var count = 0

    init(slots: UnsafeMutablePointer<Int>) { self.slots = slots }

    /// Adds one, which may be there already.
    mutating func add(_ slot: Int) {
        for index in 0..<count where slots[index] == slot { return }
        slots[count] = slot
        count += 1
    }

    mutating func takeLast() -> Int? {
        if count == 0 { return nil }
        count -= 1
        return slots[count]
    }
}
