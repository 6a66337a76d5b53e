/// One update kernel over tensors of one shape: what lies in row-major memory of the type computed
/// in is read and written where it is, everything else passes through small tiles, so that nothing
/// of the tensors' size is allocated.
struct UpdateTiles {
    /// The elements of a tile: those of four inputs and three outputs fit into the first cache.
    private static let tile = 1024
    /// The elements that one worker takes at a time: several pieces for each.
    private static let (least, most) = (4 * tile, 16 * tile)
    private static let tileBytes = tile * 8 + 128

    /// How elements reach the kernel.
    private struct Source {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
        /// Where the elements do not follow each other.
        let walk: StridedWalk?
        let convert: Kernels.Unary?

        var isDirect: Bool { walk == nil && convert == nil }

        init(_ tensor: Tensor, _ copy: StridedCopy?, _ computed: DType) {
            address = tensor.address
            itemSize = tensor.dtype.size
            walk = copy?.walk
            convert =
                tensor.dtype == computed ? nil : Kernels.convert(from: tensor.dtype, to: computed)
        }
    }

    /// How elements leave the kernel.
    private struct Target {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
        let convert: Kernels.Unary?

        init(_ tensor: Tensor, _ computed: DType) {
            address = tensor.address
            itemSize = tensor.dtype.size
            convert =
                tensor.dtype == computed ? nil : Kernels.convert(from: computed, to: tensor.dtype)
        }
    }

    private let sources: [Source]
    private let targets: [Target]
    /// Those of sources whose elements do not follow each other; none where all do.
    private let copies: [StridedCopy?]
    private let count: Int

    /// The tensors of one call; the outputs are row-major, and may be inputs' memory.
    init(_ inputs: ArraySlice<Tensor>, into outputs: [Tensor], computed: DType) {
        let copies =
            inputs.contains { !$0.layout.isContiguous }
            ? inputs.map { $0.layout.isContiguous ? nil : StridedCopy(from: $0) } : []
        self.copies = copies
        sources = inputs.indices.map { place in
            Source(
                inputs[place], copies.isEmpty ? nil : copies[place - inputs.startIndex], computed)
        }
        targets = outputs.map { Target($0, computed) }
        count = outputs.first?.count ?? 0
    }

    /// Runs the kernel over all elements.
    func run(_ kernel: Kernels.Update, _ constants: [Double], on workers: Workers) {
        // The loops over tiles count no references, which all threads would write to.
        withExtendedLifetime(copies) {
            sources.withUnsafeBufferPointer { sources in
                targets.withUnsafeBufferPointer { targets in
                    constants.withUnsafeBufferPointer { constants in
                        let share = count / (4 * Workers.count) / Self.tile * Self.tile
                        let grain = min(max(share, Self.least), Self.most)
                        workers.forRanges(of: count, grain: grain) { range in
                            Self.run(kernel, constants, sources, targets, range)
                        }
                    }
                }
            }
        }
    }

    private static func run(
        _ kernel: Kernels.Update, _ constants: UnsafeBufferPointer<Double>,
        _ sources: UnsafeBufferPointer<Source>, _ targets: UnsafeBufferPointer<Target>,
        _ range: Range<Int>
    ) {
        // A gathered input that is converted as well takes two tiles; most updates take none.
        let isDirect =
            sources.allSatisfy(\.isDirect) && targets.allSatisfy { $0.convert == nil }
        let tiles = isDirect ? 0 : 2 * sources.count + targets.count
        let bytes = max(tiles * tileBytes, 64)
        withThreadMemory(bytes) { scratch in
            withUnsafeTemporaryAllocation(
                of: UnsafeRawPointer.self, capacity: sources.count
            ) { inputs in
                withUnsafeTemporaryAllocation(
                    of: UnsafeMutableRawPointer.self, capacity: targets.count
                ) { outputs in
                    guard let inputs = inputs.baseAddress, let outputs = outputs.baseAddress,
                        let constants = constants.baseAddress
                    else { return }
                    for start in stride(from: range.lowerBound, to: range.upperBound, by: tile) {
                        let count = min(tile, range.upperBound - start)
                        load(sources, inputs, start, count, scratch)
                        point(targets, outputs, start, scratch + 2 * sources.count * tileBytes)
                        kernel(outputs, inputs, constants, count)
                        store(targets, outputs, start, count)
                    }
                }
            }
        }
    }

    private static func load(
        _ sources: UnsafeBufferPointer<Source>, _ inputs: UnsafeMutablePointer<UnsafeRawPointer>,
        _ start: Int, _ count: Int,
        _ scratch: UnsafeMutableRawPointer
    ) {
        for index in sources.indices {
            let source = sources[index]
            var elements = UnsafeRawPointer(source.address + start * source.itemSize)
            if source.isDirect {
                inputs[index] = elements
                continue
            }
            let gathered = scratch + 2 * index * tileBytes
            if let walk = source.walk {
                walk.load(start, count, to: gathered)
                elements = UnsafeRawPointer(gathered)
            }
            if let convert = source.convert {
                convert(gathered + tileBytes, elements, count)
                elements = UnsafeRawPointer(gathered + tileBytes)
            }
            inputs[index] = elements
        }
    }

    private static func point(
        _ targets: UnsafeBufferPointer<Target>,
        _ outputs: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ start: Int,
        _ scratch: UnsafeMutableRawPointer
    ) {
        for index in targets.indices {
            let target = targets[index]
            outputs[index] =
                target.convert == nil
                ? target.address + start * target.itemSize : scratch + index * tileBytes
        }
    }

    private static func store(
        _ targets: UnsafeBufferPointer<Target>,
        _ outputs: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ start: Int, _ count: Int
    ) {
        for index in targets.indices {
            let target = targets[index]
            if let convert = target.convert {
                convert(target.address + start * target.itemSize, outputs[index], count)
            }
        }
    }
}

extension Tensor {
    /// The only element as a number.
    var number: Double {
        var number = 0.0
        Kernels.convert(from: dtype, to: .float64)(&number, address, 1)
        return number
    }
}
