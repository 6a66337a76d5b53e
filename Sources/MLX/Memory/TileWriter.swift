/// Takes runs of elements as contiguous memory of one type and converts them to a row-major
/// tensor's own.
struct TileWriter {
    /// What the address points into.
    private let owner: Storage
    private let address: UnsafeMutableRawPointer
    private let targetSize: Int
    private let convert: Kernels.Unary?
    private let itemSize: Int

    init(_ tensor: Tensor, from source: DType) {
        owner = tensor.storage
        address = tensor.address
        targetSize = tensor.dtype.size
        convert = tensor.dtype == source ? nil : Kernels.convert(from: source, to: tensor.dtype)
        itemSize = source.size
    }

    /// Calls the body with memory for the elements `start ..< start + count`, which it fills.
    func withElements(_ start: Int, _ count: Int, _ body: (UnsafeMutableRawPointer) -> Void) {
        let target = address + start * targetSize
        guard let convert else { return body(target) }
        withThreadMemory(count * itemSize) { base in
            body(base)
            convert(target, base, count)
        }
    }
}

extension Tensor {
    /// Memory to compute a tensor in: its own, or row-major memory of the type computed in.
    func computing(_ computed: DType) -> Tensor {
        dtype == computed ? self : Tensor(Spec(shape, computed))
    }

    /// Converts what was computed in other memory, where it was.
    func finish(_ wide: Tensor, on workers: Workers) {
        if wide.dtype == dtype { return }
        let convert = Kernels.convert(from: wide.dtype, to: dtype)
        workers.forRanges(of: count, grain: 1 << 15) { range in
            convert(address(at: range.lowerBound), wide.address(at: range.lowerBound), range.count)
        }
    }
}
