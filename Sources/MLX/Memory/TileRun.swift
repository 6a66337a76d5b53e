import CKernels

/// A tile program ready to run: its values are laid on a table of pointers, the inputs first, then
/// the outputs, then temporary tiles.
struct TileRun {
    var instructions: [TileProgram.Instruction] = []
    /// How many temporary tiles the kernels use.
    var temporaries = 0
    /// The bytes of an element of the widest value.
    var widest = 1
    /// Where in the table the value lies that a reader hands on.
    var result: Int?

    /// The elements that one worker takes at a time: several pieces for each, none so small that
    /// handing it out costs more than a part of its work.
    private static let (least, most) = (16 * TileProgram.tile, 64 * TileProgram.tile)

    /// Runs the program on tensors of one shape; the outputs are row-major.
    func run(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let count = outputs.first?.count, count > 0 else { return }
        withTiles(inputs, into: outputs, count: count) { tiles in
            var tiles = tiles
            tiles.isPastCaches = tiles.isLeftToMemory(count)
            let share = count / (4 * Workers.count) / TileProgram.tile
            let grain = min(max(share * TileProgram.tile, Self.least), Self.most)
            if count <= grain {
                tiles.run(0..<count)
            } else {
                workers.forRanges(of: count, grain: grain) { tiles.run($0) }
            }
        }
    }

    /// Calls the body with the program on so many elements of some memory: what all threads read
    /// again for each tile is laid out for them.
    func withTiles(
        _ inputs: [Tensor], into outputs: [Tensor], count: Int, _ body: (Tiles) -> Void
    ) {
        var copies: [StridedCopy] = []
        var sources = inputs.map { Tiles.Source($0, keeping: &copies) }
        let targets = outputs.map { Tiles.Target(address: $0.address, itemSize: $0.dtype.size) }
        let longest = min(TileProgram.tile, count)
        let bytes = sources.reduce(0) { $0 + $1.byteCount(longest) }
        // The loops over tiles count no references, which all threads would write to.
        withExtendedLifetime((copies, inputs, outputs)) {
            withThreadMemory(bytes) { memory in
                var next = memory
                for index in sources.indices {
                    let start = next
                    next += sources[index].byteCount(longest)
                    sources[index].layOut(at: start, longest)
                }
                instructions.withUnsafeBufferPointer { instructions in
                    sources.withUnsafeBufferPointer { sources in
                        targets.withUnsafeBufferPointer { targets in
                            body(
                                Tiles(
                                    instructions: instructions, sources: sources,
                                    targets: targets, temporaries: temporaries, widest: widest,
                                    result: result, page: Tiles.placeInPage(next)))
                        }
                    }
                }
            }
        }
    }
}

/// A program with the memory that it runs on, for as long as ``TileRun/withTiles(_:into:count:_:)``
/// lends it.
package struct Tiles: @unchecked Sendable {
    // Unchecked: what is shared is only read.
    fileprivate let instructions: UnsafeBufferPointer<TileProgram.Instruction>
    fileprivate let sources: UnsafeBufferPointer<Source>
    fileprivate let targets: UnsafeBufferPointer<Target>
    fileprivate let temporaries: Int
    fileprivate let widest: Int
    fileprivate let result: Int?
    /// Where in a page what is laid out ends: a thread's own tiles go on from there, as what is
    /// written a little behind what is read, by the last bits of its address, holds up the reader.
    fileprivate let page: Int
    /// Whether the outputs are made in tiles of their own, which then go past the caches.
    fileprivate var isPastCaches = false

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
        case gathered(StridedWalk, itemSize: Int)

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
                    self = .gathered(copy.walk, itemSize: itemSize)
                }
            }
        }

        /// The bytes that it is laid out in for tiles of so many elements.
        func byteCount(_ count: Int) -> Int {
            switch self {
            case .direct, .gathered: 0
            case .spread(_, let itemSize): Tiles.byteCount(count, itemSize)
            case .repeated(_, let itemSize, let period): Tiles.byteCount(period + count, itemSize)
            }
        }

        /// Lays out what stays the same for all tiles.
        mutating func layOut(at memory: UnsafeMutableRawPointer, _ count: Int) {
            switch self {
            case .direct, .gathered: break
            case .spread(let element, let itemSize):
                StridedCopy.spread(element, count, itemSize: itemSize, to: memory)
                self = .spread(memory, itemSize: itemSize)
            case .repeated(let row, let itemSize, let period):
                let (length, end) = (period * itemSize, (period + count) * itemSize)
                for place in stride(from: 0, to: end, by: length) {
                    (memory + place).copyMemory(from: row, byteCount: min(length, end - place))
                }
                self = .repeated(memory, itemSize: itemSize, period: period)
            }
        }
    }

    fileprivate struct Target {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
    }

    /// Where a program's result is read, as elements of a size, and how it is converted to them.
    struct Reading {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
        let convert: Kernels.Unary?

        func address(at element: Int) -> UnsafeMutableRawPointer { address + element * itemSize }

        func take(_ tile: UnsafeMutableRawPointer, _ count: Int, to place: UnsafeMutableRawPointer)
        {
            if let convert {
                convert(place, tile, count)
            } else {
                place.copyMemory(from: tile, byteCount: count * itemSize)
            }
        }
    }

    /// A line of the cache between tiles, as much as memory allows them to start apart.
    private static func byteCount(_ count: Int, _ widest: Int) -> Int {
        (count * widest + 63) / 64 * 64 + (count < 256 ? 0 : 128)
    }

    fileprivate static func placeInPage(_ memory: UnsafeMutableRawPointer) -> Int {
        Int(bitPattern: memory) & 4095
    }

    /// Whether so many elements of the outputs are so large that no cache would keep them for who
    /// reads them next, and lie where nothing was read.
    fileprivate func isLeftToMemory(_ count: Int) -> Bool {
        guard targets.reduce(0, { $0 + $1.itemSize }) * count >= Caches.capacity else {
            return false
        }
        return !sources.contains { source in
            guard case .direct(let address, _) = source else { return false }
            return targets.contains { $0.address == address }
        }
    }
}

extension Tiles {
    /// Runs the program on some elements and hands on their results.
    func run(_ range: Range<Int>, _ reading: Reading? = nil) {
        let slots = sources.count + targets.count + temporaries
        let longest = min(TileProgram.tile, range.count)
        let tileBytes = Self.byteCount(longest, widest)
        let tableBytes = (slots * MemoryLayout<UnsafeMutableRawPointer>.size + 63) / 64 * 64
        var tileCount = temporaries + (isPastCaches ? targets.count : 0)
        for case .gathered in sources { tileCount += 1 }
        let slot = result ?? 0
        let isMadeThere = reading?.convert == nil && slot >= sources.count + targets.count
        withThreadMemory(4096 + tileCount * tileBytes + tableBytes) { memory in
            let tiles = memory + ((page - Self.placeInPage(memory)) & 4095)
            let table = (tiles + tileCount * tileBytes).bindMemory(
                to: UnsafeMutableRawPointer.self, capacity: slots)
            prepare(table, tiles, tileBytes)
            var start = range.lowerBound
            while start < range.upperBound {
                let count = min(TileProgram.tile, range.upperBound - start)
                point(table, at: start, count)
                let place = reading?.address(at: start - range.lowerBound)
                if isMadeThere, let place { table[slot] = place }
                for index in instructions.indices { instructions[index].run(table, count) }
                if !isMadeThere, let place { reading?.take(table[slot], count, to: place) }
                if isPastCaches { copyOut(table, start, count) }
                start += count
            }
            if isPastCaches { ck_await_copies() }
        }
    }

    /// Sets the pointers that stay the same for all tiles.
    private func prepare(
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>,
        _ memory: UnsafeMutableRawPointer, _ tileBytes: Int
    ) {
        var next = memory
        for index in sources.indices {
            switch sources[index] {
            case .direct(let address, _), .spread(let address, _), .repeated(let address, _, _):
                table[index] = address
            case .gathered:
                table[index] = next
                next += tileBytes
            }
        }
        let outputs = sources.count + (isPastCaches ? 0 : targets.count)
        for index in outputs..<sources.count + targets.count + temporaries {
            table[index] = next
            next += tileBytes
        }
    }

    /// Sets the pointers for one tile.
    private func point(
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, at start: Int, _ count: Int
    ) {
        for index in sources.indices {
            switch sources[index] {
            case .direct(let address, let itemSize): table[index] = address + start * itemSize
            case .gathered(let walk, _): walk.load(start, count, to: table[index])
            case .repeated(let row, let itemSize, let period):
                table[index] = row + start % period * itemSize
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
