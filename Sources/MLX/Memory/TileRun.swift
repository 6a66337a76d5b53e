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
        instructions.removeAll(keepingCapacity: true)
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

    /// Runs the program on tensors of one shape; the outputs are row-major.
    func run(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let count = outputs.first?.count, count > 0 else { return }
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
        _ inputs: [Tensor], _ count: Int, _ ones: OneNumbers, _ temporaries: Int,
        isPastCaches: Bool, _ targets: Int
    ) -> Int {
        if count <= TileProgram.tile || widest > 4 { return TileProgram.tile }
        var (direct, kept) = (0, temporaries)
        for index in inputs.indices where !ones.contains(index) {
            if inputs[index].layout.isContiguous { direct += 1 } else { kept += 1 }
        }
        let isLong = isPastCaches ? kept + 2 * direct + targets <= 4 : kept <= 2
        return isLong ? 2 * TileProgram.tile : TileProgram.tile
    }

    /// Calls the body with the program on so many elements of some memory: what all threads read
    /// again for each tile is laid out for them. Outputs that no cache would keep may be made in
    /// tiles of their own.
    func withTiles(
        _ inputs: [Tensor], into outputs: [Tensor], count: Int, mayPassCaches: Bool = false,
        _ body: (Tiles) -> Void
    ) {
        var copies: [StridedCopy] = []
        let (sources, targets) = (inputs.count, outputs.count)
        let isPastCaches = mayPassCaches && Caches.areLeft(by: outputs, count, inputs)
        withThreadMemory(
            sources * MemoryLayout<Tiles.Source>.stride
                + targets * MemoryLayout<Tiles.Target>.stride
                + instructions.count * MemoryLayout<TileProgram.Instruction>.stride
        ) { memory in
            let source = memory.bindMemory(to: Tiles.Source.self, capacity: sources)
            let target = UnsafeMutableRawPointer(source + sources).bindMemory(
                to: Tiles.Target.self, capacity: targets)
            let fitted = UnsafeMutableBufferPointer(
                start: UnsafeMutableRawPointer(target + targets).bindMemory(
                    to: TileProgram.Instruction.self, capacity: instructions.count),
                count: instructions.count)
            _ = fitted.initialize(from: instructions)
            let ones = OneNumbers(inputs, count: count, fitted)
            let joins = hasPairs && count >= Self.leastJoined
            let joined = joins ? fitted.joiningTwos() : UnsafeBufferPointer(fitted)
            let temporaries =
                joins ? joined.temporaries(after: sources + targets) : temporaries
            let tile = tile(
                inputs, count, ones, temporaries, isPastCaches: isPastCaches, targets)
            let longest = min(tile, count)
            var (bytes, ownBytes) = (0, 0)
            for index in inputs.indices {
                (source + index).initialize(
                    to: ones.contains(index)
                        ? .one(inputs[index], keeping: &copies)
                        : .of(inputs[index], keeping: &copies))
                let needs = source[index].byteCounts(longest, widest: widest)
                bytes += needs.shared
                ownBytes += needs.own
            }
            for index in outputs.indices {
                (target + index).initialize(
                    to: Tiles.Target(
                        address: outputs[index].address, itemSize: outputs[index].dtype.size))
            }
            withThreadMemory(bytes) { memory in
                var next = memory
                for index in inputs.indices { source[index].layOut(at: &next, longest) }
                body(
                    Tiles(
                        instructions: joined,
                        sources: UnsafeBufferPointer(start: source, count: sources),
                        targets: UnsafeBufferPointer(start: target, count: targets),
                        temporaries: temporaries, widest: widest, ownBytes: ownBytes,
                        result: result, tile: tile,
                        page: Tiles.placeInPage(next),
                        isPastCaches: isPastCaches))
            }
        }
        // The loops over tiles count no references, which all threads would write to.
        extendLifetime(copies)
        extendLifetime(inputs)
        extendLifetime(outputs)
    }
}
