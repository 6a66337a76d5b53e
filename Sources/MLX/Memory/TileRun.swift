import CKernels

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

    /// The elements that one worker takes at a time: several pieces for each, none so small that
    /// handing it out costs more than a part of its work.
    private static let (least, most) = (16 * TileProgram.tile, 64 * TileProgram.tile)

    init(inputCount: Int, outputCount: Int) {
        self.inputCount = inputCount
        self.outputCount = outputCount
    }

    /// Runs the program on tensors of one shape; the outputs are row-major.
    func run(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let count = outputs.first?.count, count > 0 else { return }
        var copies: [StridedCopy] = []
        let sources = inputs.map { Source($0, keeping: &copies) }
        let targets = outputs.map { Target(address: $0.address, itemSize: $0.dtype.size) }
        // The loops over tiles count no references, which all threads would write to.
        withExtendedLifetime(copies) {
            instructions.withUnsafeBufferPointer { instructions in
                sources.withUnsafeBufferPointer { sources in
                    targets.withUnsafeBufferPointer { targets in
                        let tiles = Tiles(
                            instructions: instructions, sources: sources, targets: targets,
                            temporaries: temporaries, widest: widest,
                            isPastCaches: isPastCaches(sources, targets, count))
                        let share = count / (4 * Workers.count) / TileProgram.tile
                        let grain = min(max(share * TileProgram.tile, Self.least), Self.most)
                        if count <= grain {
                            tiles.run(0..<count)
                        } else {
                            workers.forRanges(of: count, grain: grain) { tiles.run($0) }
                        }
                    }
                }
            }
        }
    }

    /// Whether the outputs are so large that no cache would keep them for who reads them next, and
    /// lie where nothing was read.
    private func isPastCaches(
        _ sources: UnsafeBufferPointer<Source>, _ targets: UnsafeBufferPointer<Target>, _ count: Int
    ) -> Bool {
        guard targets.reduce(0, { $0 + $1.itemSize }) * count >= Caches.capacity else {
            return false
        }
        return !sources.contains { source in
            guard case .direct(let address, _) = source else { return false }
            return targets.contains { $0.address == address }
        }
    }

    /// How an input reaches the kernels.
    fileprivate enum Source {
        /// Where it lies.
        case direct(UnsafeMutableRawPointer, itemSize: Int)
        /// One element, spread over a tile once.
        case spread(UnsafeMutableRawPointer, itemSize: Int)
        /// A short row that is repeated, such as a bias: laid out once beyond its end as far as a
        /// tile reaches, so that every tile finds its elements one after the other.
        case repeated(UnsafeMutableRawPointer, itemSize: Int, period: Int)
        /// Gathered for each tile.
        case gathered(StridedWalk)

        /// The longest row that is laid out.
        private static let longest = 4 * TileProgram.tile

        /// Adds what a walk points into to what is kept.
        init(_ tensor: Tensor, keeping copies: inout [StridedCopy]) {
            let itemSize = tensor.dtype.size
            if tensor.layout.isContiguous {
                self = .direct(tensor.address, itemSize: itemSize)
            } else if tensor.layout.isSingle {
                self = .spread(tensor.address, itemSize: itemSize)
            } else {
                let copy = StridedCopy(from: tensor)
                if let period = copy.walk.period, period <= Self.longest {
                    self = .repeated(tensor.address, itemSize: itemSize, period: period)
                } else {
                    copies.append(copy)
                    self = .gathered(copy.walk)
                }
            }
        }

        /// The bytes that it takes beside the tensor, for tiles of `count` elements of at most
        /// `widest` bytes each.
        func scratchBytes(_ count: Int, widest: Int) -> Int {
            switch self {
            case .direct: 0
            case .spread, .gathered: TileRun.tileBytes(count, widest)
            case .repeated(_, let itemSize, let period):
                TileRun.tileBytes(period + count, itemSize)
            }
        }
    }

    fileprivate struct Target {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
    }

    /// A line of the cache between tiles, as much as memory allows them to start apart.
    fileprivate static func tileBytes(_ count: Int, _ widest: Int) -> Int {
        (count * widest + 63) / 64 * 64 + (count < 256 ? 0 : 128)
    }
}

/// A program with the memory that it runs on.
private struct Tiles {
    let instructions: UnsafeBufferPointer<TileProgram.Instruction>
    let sources: UnsafeBufferPointer<TileRun.Source>
    let targets: UnsafeBufferPointer<TileRun.Target>
    let temporaries: Int
    let widest: Int
    /// Whether the outputs are made in tiles of their own, which then go past the caches.
    let isPastCaches: Bool

    /// Runs the program on some elements.
    func run(_ range: Range<Int>) {
        let slots = sources.count + targets.count + temporaries
        let longest = min(TileProgram.tile, range.count)
        let tileBytes = TileRun.tileBytes(longest, widest)
        let tableBytes = (slots * MemoryLayout<UnsafeMutableRawPointer>.size + 63) / 64 * 64
        let tileCount = temporaries + (isPastCaches ? targets.count : 0)
        var bytes = tableBytes + tileCount * tileBytes
        for index in sources.indices {
            bytes += sources[index].scratchBytes(longest, widest: widest)
        }
        withThreadMemory(bytes) { memory in
            let table = memory.bindMemory(to: UnsafeMutableRawPointer.self, capacity: slots)
            // Where each input's own memory starts, while the table points into it.
            withUnsafeTemporaryAllocation(
                of: UnsafeMutableRawPointer.self, capacity: sources.count
            ) { rows in
                prepare(table, rows, memory + tableBytes, tileBytes, longest)
                var start = range.lowerBound
                while start < range.upperBound {
                    let count = min(TileProgram.tile, range.upperBound - start)
                    point(table, rows, at: start, count)
                    for index in instructions.indices { instructions[index].run(table, count) }
                    if isPastCaches { copyOut(table, start, count) }
                    start += count
                }
                if isPastCaches { ck_await_copies() }
            }
        }
    }

    /// Fills what stays the same for all tiles.
    private func prepare(
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>,
        _ rows: UnsafeMutableBufferPointer<UnsafeMutableRawPointer>,
        _ memory: UnsafeMutableRawPointer, _ tileBytes: Int, _ count: Int
    ) {
        var next = memory
        for index in sources.indices {
            table[index] = next
            rows.initializeElement(at: index, to: next)
            switch sources[index] {
            case .direct, .gathered: break
            case .spread(let element, let itemSize):
                StridedCopy.spread(element, count, itemSize: itemSize, to: next)
            case .repeated(let row, let itemSize, let period):
                let length = period * itemSize
                for place in stride(from: 0, to: (period + count) * itemSize, by: length) {
                    let part = min(length, (period + count) * itemSize - place)
                    (next + place).copyMemory(from: row, byteCount: part)
                }
            }
            next += sources[index].scratchBytes(count, widest: widest)
        }
        let outputs = sources.count + (isPastCaches ? 0 : targets.count)
        for index in outputs..<sources.count + targets.count + temporaries {
            table[index] = next
            next += tileBytes
        }
    }

    /// Sets the pointers for one tile.
    private func point(
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>,
        _ rows: UnsafeMutableBufferPointer<UnsafeMutableRawPointer>, at start: Int, _ count: Int
    ) {
        for index in sources.indices {
            switch sources[index] {
            case .direct(let address, let itemSize): table[index] = address + start * itemSize
            case .gathered(let walk): walk.load(start, count, to: table[index])
            case .repeated(_, let itemSize, let period):
                table[index] = rows[index] + start % period * itemSize
            case .spread: break
            }
        }
        if isPastCaches { return }
        for index in targets.indices {
            let target = targets[index]
            table[sources.count + index] = target.address + start * target.itemSize
        }
    }

    /// Brings the tiles of the outputs to their places.
    private func copyOut(
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ start: Int, _ count: Int
    ) {
        for index in targets.indices {
            let (target, tile) = (targets[index], table[sources.count + index])
            let place = target.address + start * target.itemSize
            ck_copy_past_caches(place, tile, count * target.itemSize)
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
