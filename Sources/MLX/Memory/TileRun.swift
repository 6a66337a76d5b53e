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
    /// Whether there are instructions that only the next one reads.
    var hasPairs = false

    /// Makes it one without instructions again, whose memory stays.
    mutating func clear() {
        instructions.empty()
        (temporaries, widest, result, hasPairs) = (0, 1, nil, false)
    }

    /// The least elements for which it is worth it to look for one kernel in the place of two.
    private static let leastJoined = 128

    /// The elements that are too few for two workers, and the fewest and the most that one takes at
    /// a time.
    private static let few = 16 * TileProgram.tile
    private static let (least, most) = (4 * TileProgram.tile, 64 * TileProgram.tile)

    /// The elements that one worker takes at a time: several pieces for each, none so small that
    /// handing it out costs more than a part of its work; where they are few, one piece for each.
    private static func grain(_ count: Int) -> Int {
        if count <= few { return count }
        let tiles = count / Workers.count / TileProgram.tile
        let (each, quarter) = (tiles * TileProgram.tile, tiles / 4 * TileProgram.tile)
        return max(least, min(each, few), min(quarter, most))
    }

    /// Runs the program on so many elements of each input, for places in row-major memory.
    func run(
        _ inputs: [some TileInput], into outputs: some RandomAccessCollection<Tiles.Target>,
        count: Int, on workers: Workers
    ) {
        if count == 0 { return }
        withTiles(inputs, into: outputs, count: count, mayPassCaches: true) { tiles in
            let grain = Self.grain(count)
            if count <= grain {
                tiles.run(0..<count)
            } else {
                workers.forRanges(of: count, grain: grain) { tiles.run($0) }
            }
        }
    }

    /// The elements of a tile: fewer the more of them have to stay in the first cache, among them
    /// what is asked for of the next ones where results go to memory.
    private func tile(
        _ sources: UnsafeBufferPointer<Tiles.Source>, _ count: Int, _ temporaries: Int,
        isPastCaches: Bool, _ targets: Int
    ) -> Int {
        if count <= TileProgram.tile || widest > 4 { return TileProgram.tile }
        var (direct, kept) = (0, temporaries)
        for source in sources {
            switch source {
            case .direct: direct += 1
            case .number, .column: break
            case .spread, .repeated, .blocks, .rounds, .gathered: kept += 1
            }
        }
        let isLong = isPastCaches ? kept + 2 * direct + targets <= 4 : kept <= 2
        return isLong ? 2 * TileProgram.tile : TileProgram.tile
    }

    /// Calls the body with the program on so many elements of some memory: what all threads read
    /// again for each tile is laid out for them. Outputs that no cache would keep may be made in
    /// tiles of their own.
    func withTiles(
        _ inputs: [some TileInput], into outputs: some RandomAccessCollection<Tiles.Target>,
        count: Int, mayPassCaches: Bool = false, _ body: (Tiles) -> Void
    ) {
        var copies: [StridedCopy] = []
        withThreadMemory(
            inputs.count * MemoryLayout<Tiles.Source>.stride
                + outputs.count * MemoryLayout<Tiles.Target>.stride
                + instructions.count * MemoryLayout<TileProgram.Instruction>.stride
        ) { memory in
            let sources = UnsafeMutableBufferPointer(
                start: memory.bindMemory(to: Tiles.Source.self, capacity: inputs.count),
                count: inputs.count)
            let targets = UnsafeMutableBufferPointer(
                start: UnsafeMutableRawPointer(sources.end).bindMemory(
                    to: Tiles.Target.self, capacity: outputs.count),
                count: outputs.count)
            let fitted = UnsafeMutableBufferPointer(
                start: UnsafeMutableRawPointer(targets.end).bindMemory(
                    to: TileProgram.Instruction.self, capacity: instructions.count),
                count: instructions.count)
            for index in inputs.indices {
                sources.initializeElement(at: index, to: inputs[index].source(keeping: &copies))
            }
            for index in targets.indices {
                targets.initializeElement(
                    at: index, to: outputs[outputs.index(outputs.startIndex, offsetBy: index)])
            }
            _ = fitted.initialize(from: instructions)
            OneNumbers.take(sources, count: count, fitted)
            let joins = hasPairs && count >= Self.leastJoined
            let joined = joins ? fitted.joiningTwos() : UnsafeBufferPointer(fitted)
            let temporaries =
                joins ? joined.temporaries(after: inputs.count + outputs.count) : temporaries
            let isPastCaches =
                mayPassCaches
                && Caches.areLeft(
                    by: UnsafeBufferPointer(targets), count, UnsafeBufferPointer(sources))
            let tile = tile(
                UnsafeBufferPointer(sources), count, temporaries, isPastCaches: isPastCaches,
                outputs.count)
            let longest = min(tile, count)
            var (bytes, ownBytes) = (0, 0)
            for source in sources {
                let needs = source.byteCounts(longest, widest: widest)
                bytes += needs.shared
                ownBytes += needs.own
            }
            withThreadMemory(bytes) { memory in
                var next = memory
                for index in sources.indices { sources[index].layOut(at: &next, longest) }
                body(
                    Tiles(
                        instructions: joined,
                        sources: UnsafeBufferPointer(sources),
                        targets: UnsafeBufferPointer(targets),
                        temporaries: temporaries, widest: widest, ownBytes: ownBytes,
                        result: result, tile: tile,
                        page: Tiles.placeInPage(next),
                        isPastCaches: isPastCaches))
            }
        }
        // The loops over tiles count no references, which all threads would write to.
        extendLifetime(copies)
        extendLifetime(inputs)
    }
}

extension UnsafeMutableBufferPointer {
    /// Where the memory ends.
    fileprivate var end: UnsafeMutablePointer<Element> {
        baseAddress.unsafelyUnwrapped + count
    }
}

extension Array {
    /// Takes out all elements, and keeps the memory: of the few that most programs have one by one,
    /// which is less work.
    mutating func empty() {
        if count > 8 { return removeAll(keepingCapacity: true) }
        while popLast() != nil {}
    }
}
