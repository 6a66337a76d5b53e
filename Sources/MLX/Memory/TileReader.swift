/// What is read in row-major order, each element once: a tensor, or what a tile program makes of
/// others and is nowhere else; either for as long as its memory is lent.
package enum TileSource {
    case tensor(UnsafePointer<Tensor>)
    /// By a program whose result is of this spec.
    case program(UnsafePointer<Tiles>, Spec)

    var spec: Spec {
        switch self {
        case .tensor(let tensor): tensor.pointee.spec
        case .program(_, let spec): spec
        }
    }

    /// How far the elements of a row of the last axis lie from each other.
    var stepInRow: Int {
        guard case .tensor(let tensor) = self else { return 1 }
        let layout = tensor.pointee.layout
        return layout.shape.isEmpty ? 1 : layout.stride(layout.shape.count - 1)
    }

    /// Whether the elements follow each other in row-major order.
    var isInOrder: Bool {
        guard case .tensor(let tensor) = self else { return true }
        return tensor.pointee.layout.isContiguous
    }
}

extension Tensor {
    /// Calls the body with this tensor to be read.
    func asSource<Result>(_ body: (TileSource) -> Result) -> Result {
        withUnsafePointer(to: self) { body(.tensor($0)) }
    }
}

/// A primitive that can do with reading its first input's elements in row-major order, each once:
/// where these come from elementwise operations and nobody else needs them, they are made a tile at
/// a time and not written to memory.
package protocol TileReading: Primitive {
    /// Whether an input is read so.
    func takesElements(of input: Spec) -> Bool

    /// ``Primitive/eval(_:into:on:)`` of such elements and the inputs after them.
    func eval(
        _ elements: TileSource, _ others: ArraySlice<Tensor>, into outputs: [Tensor],
        on workers: Workers)
}

extension TileReading {
    package var tileReading: (any TileReading)? { self }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        inputs.withUnsafeBufferPointer {
            guard let first = $0.baseAddress else { return }
            eval(.tensor(first), inputs.dropFirst(), into: outputs, on: workers)
        }
    }
}

extension TileRun {
    /// Runs the program as a primitive reads its result, of a spec, beside other inputs.
    func run(
        _ inputs: [some TileInput], into outputs: some RandomAccessCollection<Tiles.Target>,
        on workers: Workers,
        _ primitive: any TileReading, _ elements: Spec, _ others: [Tensor],
        into results: [Tensor]
    ) {
        withTiles(inputs, into: outputs, count: elements.count) { tiles in
            withUnsafePointer(to: tiles) { tiles in
                primitive.eval(.program(tiles, elements), others[...], into: results, on: workers)
            }
        }
    }
}

/// Hands out elements in row-major order as contiguous memory of one type: gathered, converted or
/// made where they do not lie so.
struct TileReader {
    private let way: ReadingWay
    /// What the way's pointers point into, if it is not there for as long as it is read.
    private let owners: (Storage?, StridedCopy?)

    /// The elements of a tensor, which the reader keeps.
    init(_ tensor: Tensor, as target: DType) {
        let (origin, copy) = Self.origin(of: tensor)
        owners = (tensor.storage, copy)
        way = ReadingWay(origin, from: tensor.dtype, to: target)
    }

    /// The elements of a source, with the axes in another order, in which a program's lie as well;
    /// nil is their own.
    init(_ source: TileSource, in order: [Int]? = nil, as target: DType) {
        switch source {
        case .tensor(let tensor):
            let (origin, copy) = Self.origin(of: tensor, in: order)
            owners = (nil, copy)
            way = ReadingWay(origin, from: tensor.pointee.dtype, to: target)
        case .program(let tiles, let spec):
            owners = (nil, nil)
            way = ReadingWay(.program(tiles), from: spec.dtype, to: target)
        }
    }

    private static func origin(
        of tensor: UnsafePointer<Tensor>, in order: [Int]?
    ) -> (ReadingWay.Origin, StridedCopy?) {
        guard let order else {
            if tensor.pointee.layout.isContiguous { return (.memory(tensor.pointee.address), nil) }
            return origin(of: tensor.pointee)
        }
        var turned = tensor.pointee
        turned.layout = turned.layout.transposed(order)
        return origin(of: turned)
    }

    private static func origin(of tensor: Tensor) -> (ReadingWay.Origin, StridedCopy?) {
        if tensor.layout.isContiguous { return (.memory(tensor.address), nil) }
        let copy = StridedCopy(from: tensor)
        return (.walk(copy.walk), copy)
    }

    /// How many elements a worker reads at a time where it is one of many: what has to be made is
    /// more work than what is there.
    var share: Int { way.isProgram ? 1 << 14 : 1 << 15 }

    /// How many elements are best read at a time, if more than are asked for: those that are made or
    /// converted stay in the first cache; of others that lie apart no more than lie together.
    var batch: Int { way.isWalk && way.convert == nil ? 1 : 4 * TileProgram.tile }

    /// Where an element lies, if all follow each other in memory as they are wanted.
    func place(_ start: Int) -> UnsafeRawPointer? {
        guard way.convert == nil, case .memory(let base) = way.origin else { return nil }
        return UnsafeRawPointer(base + start * way.itemSize)
    }

    /// Where the first of eight rows of so many elements lies, how many elements from one to the
    /// next, and whether more follow so; nil where they do not lie equally far apart as they are
    /// wanted.
    func eightRows(
        _ start: Int, apart: Int, _ count: Int
    ) -> (first: UnsafeRawPointer, stride: Int, areAll: Bool)? {
        guard way.convert == nil else { return nil }
        switch way.origin {
        case .program: return nil
        case .memory(let base): return (UnsafeRawPointer(base + start * way.itemSize), apart, true)
        case .walk(let walk):
            guard let first = walk.run(start, count), let second = walk.run(start + apart, count)
            else { return nil }
            let step = second - first
            for row in 2..<8 where walk.run(start + row * apart, count) != first + row * step {
                return nil
            }
            return (first, step / way.itemSize, false)
        }
    }

    @inline(__always)
    func withElements(_ start: Int, _ count: Int, _ body: (UnsafeRawPointer) -> Void) {
        let way = way
        withThreadMemory(way.byteCount(count)) { body(way.elements(start, count, $0)) }
    }
}

/// How a ``TileReader`` comes by elements, as plain pointers: threads that read share nothing that
/// they write to.
private struct ReadingWay {
    enum Origin {
        case memory(UnsafeMutableRawPointer)
        case walk(StridedWalk)
        case program(UnsafePointer<Tiles>)
    }

    let origin: Origin
    let itemSize: Int
    let convert: Kernels.Unary?
    let targetSize: Int

    init(_ origin: Origin, from dtype: DType, to target: DType) {
        self.origin = origin
        (itemSize, targetSize) = (dtype.size, target.size)
        convert = dtype == target ? nil : Kernels.convert(from: dtype, to: target)
    }

    var isProgram: Bool { if case .program = origin { true } else { false } }
    var isWalk: Bool { if case .walk = origin { true } else { false } }

    /// The memory that it takes to read so many elements.
    @inline(__always)
    func byteCount(_ count: Int) -> Int {
        let converted = convert == nil ? 0 : count * targetSize
        switch origin {
        case .memory: return converted
        case .walk: return converted + count * itemSize
        case .program: return count * targetSize
        }
    }

    /// Where some elements lie, which is in that memory if they do not lie so by themselves.
    @inline(__always)
    func elements(
        _ start: Int, _ count: Int, _ memory: UnsafeMutableRawPointer
    ) -> UnsafeRawPointer {
        var elements = UnsafeRawPointer(memory)
        var free = memory
        switch origin {
        case .memory(let base): elements = UnsafeRawPointer(base + start * itemSize)
        case .walk(let walk):
            if let run = walk.run(start, count) {
                elements = run
            } else {
                walk.load(start, count, to: memory)
                free += count * itemSize
            }
        case .program(let tiles):
            tiles.pointee.run(
                start..<start + count,
                Tiles.Reading(address: memory, itemSize: targetSize, convert: convert))
            return elements
        }
        guard let convert else { return elements }
        convert(free, elements, count)
        return UnsafeRawPointer(free)
    }
}
