/// Elementwise operations that run together: every kernel over one tile, then the next tile, so
/// that what passes between them stays in the first cache.
struct TileProgram {
    /// The elements of a tile: two inputs and two temporaries of floats fill half of the first
    /// cache.
    static let tile = 1024
    /// The elements that one worker takes at a time.
    private static let grain = 64 * tile

    struct Instruction {
        let body: TileKernel.Body
        var inputs: [Int]
        var output: Int
    }

    /// A value of the program: where it comes from and until when it is needed.
    struct Value {
        let dtype: DType
        /// The instruction that makes it; -1 for inputs.
        let made: Int
        /// The last instruction that reads it.
        var lastUse: Int
        /// The output that it is written to, if any.
        var output: Int?
    }

    private(set) var instructions: [Instruction] = []
    private(set) var values: [Value] = []
    private(set) var inputCount = 0
    private(set) var outputCount = 0

    /// Adds an input; all inputs come before the first call.
    mutating func addInput(_ dtype: DType) -> Int {
        inputCount += 1
        return append(Value(dtype: dtype, made: -1, lastUse: -1))
    }

    /// Adds a kernel's call on values, with the conversions that it needs; the result has the type
    /// that the array has in memory, so that what is fused makes no difference to its bits.
    mutating func addCall(_ kernel: TileKernel, _ operands: [Int], output: DType) -> Int {
        let inputs = operands.enumerated().map { convert($1, to: kernel.input($0)) }
        return convert(emit(kernel.body, inputs, kernel.output), to: output)
    }

    /// Writes a value to memory as the next output.
    mutating func addOutput(_ value: Int) {
        values[value].output = outputCount
        outputCount += 1
    }

    private mutating func convert(_ value: Int, to dtype: DType) -> Int {
        if values[value].dtype == dtype { return value }
        let kernel = Kernels.convert(from: values[value].dtype, to: dtype)
        return emit(.unary(kernel), [value], dtype)
    }

    private mutating func emit(_ body: TileKernel.Body, _ inputs: [Int], _ dtype: DType) -> Int {
        let position = instructions.count
        for input in inputs { values[input].lastUse = position }
        let value = append(Value(dtype: dtype, made: position, lastUse: position))
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
        guard let value = values.first(where: { $0.output == output }) else { return false }
        return values[input].lastUse <= value.made
            && values[input].dtype.size == value.dtype.size
    }
}

extension TileProgram {
    /// Runs the program on tensors of one shape; the outputs are row-major.
    func run(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let count = outputs.first?.count, count > 0 else { return }
        let plan = Plan(self, inputs: inputs, outputs: outputs)
        workers.forRanges(of: count, grain: Self.grain) { range in plan.run(range) }
    }

    /// How an input reaches the kernels.
    private enum Source {
        /// Where it lies.
        case direct(UnsafeMutableRawPointer, itemSize: Int)
        /// One element, spread over a tile once.
        case spread(StridedCopy)
        /// Gathered for each tile.
        case gathered(StridedCopy)
    }

    /// A program with its values laid on pointers: inputs, then outputs, then temporary tiles.
    private struct Plan {
        private let instructions: [Instruction]
        private let sources: [Source]
        private let outputs: [(address: UnsafeMutableRawPointer, itemSize: Int)]
        private let temporaries: Int
        private let tileBytes: Int

        init(_ program: TileProgram, inputs: [Tensor], outputs: [Tensor]) {
            sources = inputs.map { tensor in
                if tensor.layout.isSingle, tensor.count > 1 {
                    return .spread(StridedCopy(from: tensor))
                }
                return tensor.layout.isContiguous
                    ? .direct(tensor.address, itemSize: tensor.dtype.size)
                    : .gathered(StridedCopy(from: tensor))
            }
            self.outputs = outputs.map { ($0.address, $0.dtype.size) }
            let places = Places(program)
            instructions = program.instructions.map {
                Instruction(
                    body: $0.body, inputs: $0.inputs.map { places.slots[$0] },
                    output: places.slots[$0.output])
            }
            temporaries = places.count
            let widest = program.values.map(\.dtype.size).max() ?? 8
            tileBytes = TileProgram.tile * widest + 128
        }

        func run(_ range: Range<Int>) {
            let slots = sources.count + outputs.count + temporaries
            let tiles = sources.count + temporaries
            withUnsafeTemporaryAllocation(byteCount: tiles * tileBytes, alignment: 64) { scratch in
                withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: slots) {
                    guard let scratch = scratch.baseAddress, let table = $0.baseAddress else {
                        return
                    }
                    prepare(table, scratch, min(TileProgram.tile, range.count))
                    var start = range.lowerBound
                    while start < range.upperBound {
                        let count = min(TileProgram.tile, range.upperBound - start)
                        point(table, scratch, at: start, count)
                        for instruction in instructions { instruction.run(table, count) }
                        start += count
                    }
                }
            }
        }

        /// Fills what stays the same for all tiles.
        private func prepare(
            _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>,
            _ scratch: UnsafeMutableRawPointer, _ count: Int
        ) {
            for (index, source) in sources.enumerated() {
                table[index] = scratch + index * tileBytes
                if case .spread(let copy) = source { copy.spread(count, to: table[index]) }
            }
            let first = sources.count + outputs.count
            for index in 0..<temporaries {
                table[first + index] = scratch + (sources.count + index) * tileBytes
            }
        }

        /// Sets the pointers for one tile.
        private func point(
            _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>,
            _ scratch: UnsafeMutableRawPointer, at start: Int, _ count: Int
        ) {
            for (index, source) in sources.enumerated() {
                switch source {
                case .direct(let address, let itemSize): table[index] = address + start * itemSize
                case .gathered(let copy): copy.load(start, count, to: table[index])
                case .spread: break
                }
            }
            for (index, output) in outputs.enumerated() {
                table[sources.count + index] = output.address + start * output.itemSize
            }
        }
    }

    /// Which pointer each value has; temporary tiles are used again when their value is done with.
    private struct Places {
        var slots: [Int]
        private(set) var count = 0

        init(_ program: TileProgram) {
            slots = Array(program.values.indices)
            let first = program.inputCount + program.outputCount
            var free: [Int] = []
            for (position, instruction) in program.instructions.enumerated() {
                let result = program.values[instruction.output]
                let ending = Set(instruction.inputs).filter {
                    slots[$0] >= first && program.values[$0].made >= 0
                        && program.values[$0].lastUse == position
                }
                // In place only where the elements have one size: a narrow result would run over
                // wide inputs that are still to be read.
                let (now, later) = ending.partitioned(by: {
                    program.values[$0].dtype.size == result.dtype.size
                })
                free += now.map { slots[$0] }
                if let output = result.output {
                    slots[instruction.output] = program.inputCount + output
                } else if let slot = free.popLast() {
                    slots[instruction.output] = slot
                } else {
                    slots[instruction.output] = first + count
                    count += 1
                }
                free += later.map { slots[$0] }
            }
        }
    }
}

extension TileProgram.Instruction {
    fileprivate func run(_ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ count: Int) {
        switch body {
        case .unary(let kernel): kernel(table[output], table[inputs[0]], count)
        case .binary(let kernel):
            kernel(table[output], table[inputs[0]], table[inputs[1]], count)
        case .ternary(let kernel):
            kernel(table[output], table[inputs[0]], table[inputs[1]], table[inputs[2]], count)
        }
    }
}

extension Sequence {
    /// The elements that meet the condition and those that do not.
    fileprivate func partitioned(by condition: (Element) -> Bool) -> ([Element], [Element]) {
        var (yes, no): ([Element], [Element]) = ([], [])
        for element in self {
            if condition(element) { yes.append(element) } else { no.append(element) }
        }
        return (yes, no)
    }
}
