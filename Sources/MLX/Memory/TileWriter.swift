import CKernels

/// Takes runs of elements as contiguous memory of one type and converts them to a row-major
/// tensor's own.
struct TileWriter {
    private let tensor: Tensor
    private let convert: Kernels.Unary?
    private let itemSize: Int
    private let isPastCaches: Bool

    /// The most bytes that go past the caches at a time, from where they lie in the second one.
    private static let longest = 1 << 17

    /// A writer; a large tensor is written past the caches by those who write within
    /// ``forRanges(of:grain:on:_:)``.
    init(_ tensor: Tensor, from source: DType, mayPassCaches: Bool = false) {
        self.tensor = tensor
        convert = tensor.dtype == source ? nil : Kernels.convert(from: source, to: tensor.dtype)
        itemSize = source.size
        isPastCaches = mayPassCaches && tensor.count * tensor.dtype.size >= Caches.capacity
    }

    /// Cuts work as ``Workers/forRanges(of:grain:_:)`` does; what the body has written is in memory
    /// when a range ends.
    func forRanges(
        of count: Int, grain: Int, on workers: Workers, _ body: (Range<Int>) -> Void
    ) {
        workers.forRanges(of: count, grain: grain) { range in
            body(range)
            if isPastCaches { ck_await_copies() }
        }
    }

    /// Calls the body with memory for the elements `start ..< start + count`, which it fills.
    func withElements(_ start: Int, _ count: Int, _ body: (UnsafeMutableRawPointer) -> Void) {
        let place = tensor.address(at: start)
        let (bytes, finished) = (count * itemSize, count * tensor.dtype.size)
        let isPastCaches = isPastCaches && finished <= Self.longest
        if convert == nil, !isPastCaches { return body(place) }
        let extra = convert != nil && isPastCaches ? finished : 0
        withUnsafeTemporaryAllocation(byteCount: bytes + extra, alignment: 64) { scratch in
            guard let base = scratch.baseAddress else { return }
            body(base)
            guard let convert else { return ck_copy_past_caches(place, base, finished) }
            guard isPastCaches else { return convert(place, base, count) }
            convert(base + bytes, base, count)
            ck_copy_past_caches(place, base + bytes, finished)
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
