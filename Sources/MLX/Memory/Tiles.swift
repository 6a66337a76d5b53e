import CKernels

/// A program with the memory that it runs on, for as long as ``TileRun/withTiles(_:into:count:_:)``
/// lends it.
package struct Tiles: @unchecked Sendable {
    // Unchecked: what is shared is only read.
    let instructions: UnsafeBufferPointer<TileProgram.Instruction>
    let sources: UnsafeBufferPointer<Source>
    let targets: UnsafeBufferPointer<Target>
    let temporaries: Int
    let widest: Int
    /// The bytes of what each thread lays out.
    let ownBytes: Int
    let result: Int?
    /// The elements of a tile.
    let tile: Int
    /// Where in a page what is laid out ends: a thread's own tiles go on from there, as what is
    /// written a little behind what is read, by the last bits of its address, holds up the reader.
    let page: Int
    /// Whether the outputs are made in tiles of their own, which then go past the caches.
    let isPastCaches: Bool

    /// How an input reaches the kernels.
    enum Source {
        /// Where it lies.
        case direct(UnsafeMutableRawPointer, itemSize: Int)
        /// One element, spread over a tile once.
        case spread(UnsafeMutableRawPointer, itemSize: Int)
        /// A short row that is repeated, such as a bias: laid out once beyond its end as far as a
        /// tile reaches, so that every tile finds its elements one after the other.
        case repeated(UnsafeMutableRawPointer, itemSize: Int, period: Int)
        /// A short row that is repeated over blocks of elements, another one for each block: laid out
        /// by each thread when it comes to a block.
        case blocks(StridedWalk, itemSize: Int, period: Int, block: Int)
        /// A long run that is repeated: read where it lies, and gathered for a tile at its end.
        case rounds(StridedWalk, UnsafeMutableRawPointer, itemSize: Int, period: Int)
        /// Gathered for each tile.
        case gathered(StridedWalk)
        /// One number, read where it lies.
        case number(UnsafeMutableRawPointer)
        /// One number for each row of so many elements, read where it lies.
        case column(StridedWalk, length: Int)

        /// The longest row that is laid out.
        private static let longest = 4 * TileProgram.tile

        /// Of a tensor that does not lie in order; adds what a walk points into to what is kept.
        fileprivate static func apart(
            _ tensor: Tensor, keeping copies: inout [StridedCopy]
        ) -> Source {
            let itemSize = tensor.dtype.size
            let copy = StridedCopy(from: tensor)
            let period = copy.walk.period
            if let period, period <= Self.longest {
                return .repeated(tensor.address, itemSize: itemSize, period: period)
            }
            copies.append(copy)
            if let period {
                return .rounds(copy.walk, tensor.address, itemSize: itemSize, period: period)
            }
            if let (period, block) = copy.walk.blocks, period <= Self.longest,
                block >= 4 * TileProgram.tile
            {
                return .blocks(copy.walk, itemSize: itemSize, period: period, block: block)
            }
            return .gathered(copy.walk)
        }

        /// The bytes that it is laid out in for tiles of so many elements: once for all threads, and
        /// by each.
        func byteCounts(_ count: Int, widest: Int) -> (shared: Int, own: Int) {
            switch self {
            case .direct, .number, .column: (0, 0)
            case .spread(_, let itemSize): (Tiles.byteCount(count, itemSize), 0)
            case .repeated(_, let itemSize, let period):
                (Tiles.byteCount(period + count, itemSize), 0)
            case .blocks(_, let itemSize, let period, _):
                (0, Tiles.byteCount(period + count, itemSize))
            case .rounds, .gathered: (0, Tiles.byteCount(count, widest))
            }
        }

        /// Lays out what stays the same for all tiles, and takes the memory for it.
        mutating func layOut(at next: inout UnsafeMutableRawPointer, _ count: Int) {
            let memory = next
            switch self {
            case .direct, .blocks, .rounds, .gathered, .number, .column: break
            case .spread(let element, let itemSize):
                StridedCopy.spread(element, count, itemSize: itemSize, to: memory)
                self = .spread(memory, itemSize: itemSize)
                next += Tiles.byteCount(count, itemSize)
            case .repeated(let row, let itemSize, let period):
                Tiles.repeatRow(row, period * itemSize, to: memory, (period + count) * itemSize)
                self = .repeated(memory, itemSize: itemSize, period: period)
                next += Tiles.byteCount(period + count, itemSize)
            }
        }
    }

    struct Target {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
        /// Whether no cache holds it: then its lines are asked for before they are written.
        let isCold: Bool

        init(_ address: UnsafeMutableRawPointer, itemSize: Int, isCold: Bool) {
            (self.address, self.itemSize, self.isCold) = (address, itemSize, isCold)
        }

        init(_ tensor: Tensor) {
            self.init(tensor.address, itemSize: tensor.dtype.size, isCold: tensor.storage.isCold)
        }
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

    /// Fills so many bytes with a row, time after time.
    private static func repeatRow(
        _ row: UnsafeRawPointer, _ length: Int, to memory: UnsafeMutableRawPointer, _ end: Int
    ) {
        for place in stride(from: 0, to: end, by: length) {
            (memory + place).copyMemory(from: row, byteCount: min(length, end - place))
        }
    }

    static func placeInPage(_ memory: UnsafeMutableRawPointer) -> Int {
        Int(bitPattern: memory) & 4095
    }
}

/// What a tile program can read; whoever runs it sees to it that the memory is there meanwhile.
protocol TileInput {
    /// How it reaches the kernels; what that points into, beside the memory, is added to what is
    /// kept.
    func source(keeping copies: inout [StridedCopy]) -> Tiles.Source
}

extension Tensor: TileInput {
    func source(keeping copies: inout [StridedCopy]) -> Tiles.Source {
        switch layout.order {
        case .row: .direct(address, itemSize: dtype.size)
        case .single: .spread(address, itemSize: dtype.size)
        case .other: .apart(self, keeping: &copies)
        }
    }
}

extension Tiles {
    /// What a thread lays out of an input for itself: where, and for which block.
    private struct Own {
        let memory: UnsafeMutableRawPointer
        var block: Int
    }

    /// A value whose tiles follow each other in memory.
    private struct Move {
        let slot: Int
        let itemSize: Int
    }

    /// The pointers of a thread: those of the program's values, what it has laid out, and which
    /// pointers move on from tile to tile.
    ///
    /// What is done between two tiles holds up the reads of the next one: the processor looks only
    /// some hundred instructions ahead.
    private struct Table {
        let values: UnsafeMutablePointer<UnsafeMutableRawPointer>
        let own: UnsafeMutablePointer<Own>
        let moves: UnsafeMutablePointer<Move>
        /// Where what moves goes on behind a tile, while the tile goes to memory.
        let ahead: UnsafeMutablePointer<UnsafeRawPointer>
        var moving = 0
        /// Whether some pointers are set for each tile.
        var isPointed = false

        mutating func add(_ slot: Int, _ address: UnsafeMutableRawPointer, itemSize: Int) {
            values[slot] = address
            (moves + moving).initialize(to: Move(slot: slot, itemSize: itemSize))
            moving += 1
        }

        @inline(__always)
        func move(_ count: Int) {
            for index in 0..<moving { values[moves[index].slot] += moves[index].itemSize * count }
        }
    }

    /// Whether nothing is gained by tiles: one kernel reads and writes where the elements lie.
    private var isOneKernel: Bool {
        guard instructions.count == 1, temporaries == 0, !isPastCaches else { return false }
        var areDirect = true
        instructions[0].inputs.forEach(of: instructions[0].body) { input in
            switch sources[input] {
            case .direct, .number, .column: break
            default: areDirect = false
            }
        }
        return areDirect
    }

    /// Runs the program on some elements and hands on their results.
    func run(_ range: Range<Int>, _ reading: Reading? = nil) {
        let slots = sources.count + targets.count + temporaries
        let asked = !isPastCaches && targets.contains { $0.isCold } ? elementsAsked : 0
        let most =
            asked > 0
            ? min(tile, asked * instructions.count) : isOneKernel ? range.count : tile
        let longest = min(most, range.count)
        let tileBytes = Self.byteCount(longest, widest)
        let tableBytes =
            slots * MemoryLayout<UnsafeMutableRawPointer>.stride
            + sources.count * MemoryLayout<Own>.stride
            + (sources.count + targets.count) * MemoryLayout<Move>.stride
            + sources.count * MemoryLayout<UnsafeRawPointer>.stride
        let bytes = ownBytes + (temporaries + (isPastCaches ? targets.count : 0)) * tileBytes
        let slot = result ?? 0
        let isMadeThere = reading?.convert == nil && slot >= sources.count + targets.count
        withThreadMemory(4096 + bytes + tableBytes) { memory in
            let tiles = memory + ((page - Self.placeInPage(memory)) & 4095)
            let values = (tiles + bytes).bindMemory(
                to: UnsafeMutableRawPointer.self, capacity: slots)
            let own = UnsafeMutableRawPointer(values + slots).bindMemory(
                to: Own.self, capacity: sources.count)
            let moves = UnsafeMutableRawPointer(own + sources.count).bindMemory(
                to: Move.self, capacity: sources.count + targets.count)
            let ahead = UnsafeMutableRawPointer(moves + sources.count + targets.count)
                .bindMemory(to: UnsafeRawPointer.self, capacity: sources.count)
            var table = Table(values: values, own: own, moves: moves, ahead: ahead)
            prepare(&table, tiles, tileBytes, longest, at: range.lowerBound)
            var start = range.lowerBound
            while start < range.upperBound {
                let count = min(longest, range.upperBound - start)
                if table.isPointed { point(table, at: start, count) }
                let place = reading?.address(at: start - range.lowerBound)
                if isMadeThere, let place { values[slot] = place }
                for index in instructions.indices {
                    if asked > 0 {
                        let ahead = longest + index * asked
                        ask(table, ahead: ahead, min(asked, range.upperBound - start - ahead))
                    }
                    if instructions[index].column == nil {
                        instructions[index].run(values, count)
                    } else {
                        runByRow(instructions[index], values, start, count)
                    }
                }
                if !isMadeThere, let place { reading?.take(values[slot], count, to: place) }
                if isPastCaches { copyOut(table, start, count) }
                table.move(count)
                start += count
            }
            if isPastCaches { ck_await_copies() }
        }
    }

    /// How many elements of the next tile are asked for before each instruction, where outputs are
    /// cold: no more than have as many lines as a core can wait for while it goes on.
    private var elementsAsked: Int { min(256, (tile / instructions.count + 15) / 16 * 16) }

    /// Asks for some elements ahead, of the inputs that move on and of the outputs that no cache
    /// holds.
    private func ask(_ table: Table, ahead: Int, _ count: Int) {
        if count <= 0 { return }
        for move in UnsafeBufferPointer(start: table.moves, count: table.moving)
        where move.slot < sources.count || targets[move.slot - sources.count].isCold {
            ck_ask(table.values[move.slot] + ahead * move.itemSize, count * move.itemSize)
        }
    }

    /// Sets the pointers that stay the same for all tiles, and those that move on from an element.
    private func prepare(
        _ table: inout Table, _ memory: UnsafeMutableRawPointer, _ tileBytes: Int, _ count: Int,
        at start: Int
    ) {
        var next = memory
        for index in sources.indices {
            switch sources[index] {
            case .direct(let address, let itemSize):
                table.add(index, address + start * itemSize, itemSize: itemSize)
            case .spread(let address, _), .number(let address): table.values[index] = address
            case .column: break
            case .repeated: table.isPointed = true
            case .blocks(_, let itemSize, let period, _):
                (table.own + index).initialize(to: Own(memory: next, block: -1))
                next += Self.byteCount(period + count, itemSize)
                table.isPointed = true
            case .rounds:
                (table.own + index).initialize(to: Own(memory: next, block: -1))
                next += tileBytes
                table.isPointed = true
            case .gathered:
                table.values[index] = next
                next += tileBytes
                table.isPointed = true
            }
        }
        if !isPastCaches {
            for (index, target) in targets.enumerated() {
                table.add(
                    sources.count + index, target.address + start * target.itemSize,
                    itemSize: target.itemSize)
            }
        }
        let outputs = sources.count + (isPastCaches ? 0 : targets.count)
        for index in outputs..<sources.count + targets.count + temporaries {
            table.values[index] = next
            next += tileBytes
        }
    }

    /// Sets the pointers that neither stay nor move on, for one tile.
    private func point(_ table: Table, at start: Int, _ count: Int) {
        let values = table.values
        for index in sources.indices {
            switch sources[index] {
            case .gathered(let walk): walk.load(start, count, to: values[index])
            case .blocks(let walk, let itemSize, let period, let block):
                values[index] = Self.place(
                    start, count, walk, itemSize, period, block, &table.own[index])
            case .repeated(let row, let itemSize, let period):
                values[index] = row + start % period * itemSize
            case .rounds(let walk, let run, let itemSize, let period):
                let place = start % period
                values[index] = run + place * itemSize
                if place + count > period {
                    values[index] = table.own[index].memory
                    walk.load(start, count, to: values[index])
                }
            case .direct, .spread, .number, .column: break
            }
        }
    }

    /// Runs a kernel on some elements once for each row, with the row's number.
    private func runByRow(
        _ instruction: TileProgram.Instruction,
        _ table: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ start: Int, _ count: Int
    ) {
        let isFirst = instruction.column == .first
        let (first, second) = (instruction.inputs.first, instruction.inputs.second)
        guard case .binary(let kernel) = instruction.body,
            case .column(let walk, let length) = sources[isFirst ? first : second]
        else { return }
        let (out, other) = (table[instruction.output], table[isFirst ? second : first])
        var (row, column) = start.quotientAndRemainder(dividingBy: length)
        var done = 0
        while done < count {
            let part = min(length - column, count - done)
            let (number, elements) = (walk.address(row: row), other + done * walk.itemSize)
            kernel(
                out + done * walk.itemSize, isFirst ? number : UnsafeRawPointer(elements),
                isFirst ? UnsafeRawPointer(elements) : number, part)
            done += part
            (row, column) = (row + 1, 0)
        }
    }

    /// Where elements of repeated rows lie, which are laid out at the first tile of a block, or for
    /// a tile at the edge of two.
    private static func place(
        _ start: Int, _ count: Int, _ walk: StridedWalk, _ itemSize: Int, _ period: Int,
        _ block: Int, _ own: inout Own
    ) -> UnsafeMutableRawPointer {
        let (index, first) = start.quotientAndRemainder(dividingBy: block)
        guard first + count <= block else {
            walk.load(start, count, to: own.memory)
            own.block = -1
            return own.memory
        }
        if own.block != index {
            let (row, end) = (period * itemSize, (period + count) * itemSize)
            walk.load(index * block, period, to: own.memory)
            repeatRow(own.memory, row, to: own.memory + row, end - row)
            own.block = index
        }
        return own.memory + first % period * itemSize
    }

    /// Brings the tiles of the outputs to their places, and asks meanwhile for what the inputs have
    /// for the next one.
    private func copyOut(_ table: Table, _ start: Int, _ count: Int) {
        for index in 0..<table.moving {
            let move = table.moves[index]
            (table.ahead + index).initialize(
                to: table.values[move.slot] + move.itemSize * count)
        }
        for index in targets.indices {
            let (target, tile) = (targets[index], table.values[sources.count + index])
            let place = target.address + start * target.itemSize
            ck_copy_past_caches(
                place, tile, count * target.itemSize, table.ahead, index == 0 ? table.moving : 0)
        }
    }
}
