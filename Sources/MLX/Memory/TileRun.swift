/// A tile program ready to run: its values are laid on a table of pointers, the inputs first, then
/// the outputs, then temporary tiles.
struct TileRun {
    var instructions: [TileProgram.Instruction] = []
    let inputCount: Int
    let outputCount: Int
    /// How many temporary tiles the kernels use.
    var temporaries = 0
    /// The bytes of an element of the widest value.
    var widest = 1

    /// The elements that one worker takes at a time.
    private static let grain = 64 * TileProgram.tile

    init(inputCount: Int, outputCount: Int) {
        self.inputCount = inputCount
        self.outputCount = outputCount
    }

    /// Runs the program on tensors of one shape; the outputs are row-major.
    func run(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let count = outputs.first?.count, count > 0 else { return }
        let sources = inputs.map { Source($0) }
        let targets = outputs.map { Target(address: $0.address, itemSize: $0.dtype.size) }
        if count <= Self.grain {
            run(0..<count, sources, targets)
        } else {
            workers.forRanges(of: count, grain: Self.grain) { run($0, sources, targets) }
        }
    }

    /// How an input reaches the kernels.
    private enum Source {
        /// Where it lies.
        case direct(UnsafeMutableRawPointer, itemSize: Int)
        /// One element, spread over a tile once.
        case spread(UnsafeMutableRawPointer, itemSize: Int)
        /// Gathered for each tile.
        case gathered(StridedCopy)

        init(_ tensor: Tensor) {
            let layout = tensor.layout
            if layout.isContiguous {
                self = .direct(tensor.address, itemSize: tensor.dtype.size)
            } else if layout.isSingle {
                self = .spread(tensor.address, itemSize: tensor.dtype.size)
            } else {
                self = .gathered(StridedCopy(from: tensor))
            }
        }

        var needsTile: Bool {
            if case .direct = self { return false }
            return true
        }
    }

    private struct Target {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
    }

    private func run(_ range: Range<Int>, _ sources: [Source], _ targets: [Target]) {
        let slots = inputCount + outputCount + temporaries
        let tiles = temporaries + sources.count { $0.needsTile }
        let longest = min(TileProgram.tile, range.count)
        // A line of the cache between tiles, as much as memory allows them to start apart.
        let tileBytes = (longest * widest + 63) / 64 * 64 + (longest < 256 ? 0 : 128)
        let tableBytes = (slots * MemoryLayout<UnsafeMutableRawPointer>.size + 63) / 64 * 64
        let bytes = tableBytes + tiles * tileBytes
        withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 64) { scratch in
            guard let memory = scratch.baseAddress else { return }
            let table = memory.bindMemory(to: UnsafeMutableRawPointer.self, capacity: slots)
            prepare(table, memory + tableBytes, tileBytes, sources, longest)
            var start = range.lowerBound
            while start < range.upperBound {
                let count = min(TileProgram.tile, range.upperBound - start)
                point(table, sources, targets, at: start, count)
                for instruction in instructions { instruction.run(table, count) }
                start += count
            }
        }
    }

    /// Fills what stays the same for all tiles.
    private func prepare(
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ tiles: UnsafeMutableRawPointer,
        _ tileBytes: Int, _ sources: [Source], _ count: Int
    ) {
        var next = tiles
        for (index, source) in sources.enumerated() where source.needsTile {
            table[index] = next
            if case .spread(let element, let itemSize) = source {
                StridedCopy.spread(element, count, itemSize: itemSize, to: next)
            }
            next += tileBytes
        }
        for index in inputCount + outputCount..<inputCount + outputCount + temporaries {
            table[index] = next
            next += tileBytes
        }
    }

    /// Sets the pointers for one tile.
    private func point(
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ sources: [Source],
        _ targets: [Target], at start: Int, _ count: Int
    ) {
        for (index, source) in sources.enumerated() {
            switch source {
            case .direct(let address, let itemSize): table[index] = address + start * itemSize
            case .gathered(let copy): copy.load(start, count, to: table[index])
            case .spread: break
            }
        }
        for (index, target) in targets.enumerated() {
            table[inputCount + index] = target.address + start * target.itemSize
        }
    }
}

extension TileProgram.Instruction {
    @inline(__always)
    fileprivate func run(_ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ count: Int) {
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
