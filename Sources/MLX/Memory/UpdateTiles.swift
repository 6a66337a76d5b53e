/// One update kernel over tensors of one shape: what lies in row-major memory of the type computed
/// in is read and written where it is, everything else passes through small tiles, so that nothing
/// of the tensors' size is allocated.
struct UpdateTiles {
    /// The elements of a tile: those of four inputs and three outputs fit into the first cache.
    private static let tile = 1024
    /// The elements that one worker takes at a time; the same for any number of threads.
    private static let grain = 64 * tile
    private static let tileBytes = tile * 8 + 128

    /// How elements reach the kernel.
    private struct Source {
        let address: UnsafeMutableRawPointer
        let itemSize: Int
        /// Where the elements do not follow each other.
        let copy: StridedCopy?
        let convert: Kernels.Unary?

        init(_ tensor: Tensor, _ computed: DType) {
            address = tensor.address
            itemSize = tensor.dtype.size
            copy = tensor.layout.isContiguous ? nil : StridedCopy(from: tensor)
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
    private let count: Int

    /// The tensors of one call; the outputs are row-major, and may be inputs' memory.
    init(_ inputs: [Tensor], into outputs: [Tensor], computed: DType) {
        sources = inputs.map { Source($0, computed) }
        targets = outputs.map { Target($0, computed) }
        count = outputs.first?.count ?? 0
    }

    /// Runs the kernel over all elements.
    func run(_ kernel: Kernels.Update, _ constants: [Double], on workers: Workers) {
        workers.forRanges(of: count, grain: Self.grain) { range in
            run(kernel, constants, range)
        }
    }

    private func run(_ kernel: Kernels.Update, _ constants: [Double], _ range: Range<Int>) {
        // A gathered input that is converted as well takes two tiles.
        let tiles = 2 * sources.count + targets.count
        withUnsafeTemporaryAllocation(byteCount: tiles * Self.tileBytes, alignment: 64) { scratch in
            withUnsafeTemporaryAllocation(
                of: UnsafeRawPointer.self, capacity: sources.count
            ) { inputs in
                withUnsafeTemporaryAllocation(
                    of: UnsafeMutableRawPointer.self, capacity: targets.count
                ) { outputs in
                    guard let scratch = scratch.baseAddress, let inputs = inputs.baseAddress,
                        let outputs = outputs.baseAddress
                    else { return }
                    for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.tile)
                    {
                        let count = min(Self.tile, range.upperBound - start)
                        load(inputs, start, count, scratch)
                        point(outputs, start, scratch + 2 * sources.count * Self.tileBytes)
                        kernel(outputs, inputs, constants, count)
                        store(outputs, start, count)
                    }
                }
            }
        }
    }

    private func load(
        _ inputs: UnsafeMutablePointer<UnsafeRawPointer>, _ start: Int, _ count: Int,
        _ scratch: UnsafeMutableRawPointer
    ) {
        for (index, source) in sources.enumerated() {
            let gathered = scratch + 2 * index * Self.tileBytes
            var elements = UnsafeRawPointer(source.address + start * source.itemSize)
            if let copy = source.copy {
                copy.load(start, count, to: gathered)
                elements = UnsafeRawPointer(gathered)
            }
            if let convert = source.convert {
                convert(gathered + Self.tileBytes, elements, count)
                elements = UnsafeRawPointer(gathered + Self.tileBytes)
            }
            inputs[index] = elements
        }
    }

    private func point(
        _ outputs: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ start: Int,
        _ scratch: UnsafeMutableRawPointer
    ) {
        for (index, target) in targets.enumerated() {
            outputs[index] =
                target.convert == nil
                ? target.address + start * target.itemSize : scratch + index * Self.tileBytes
        }
    }

    private func store(
        _ outputs: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ start: Int, _ count: Int
    ) {
        for (index, target) in targets.enumerated() {
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
