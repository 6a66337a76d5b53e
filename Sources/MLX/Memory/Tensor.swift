import Glibc

/// An array's memory: storage, where in it the elements lie, and their type.
package struct Tensor: Sendable {
    package var storage: Storage
    package var layout: Layout
    package var dtype: DType

    package init(storage: Storage, layout: Layout, dtype: DType) {
        self.storage = storage
        self.layout = layout
        self.dtype = dtype
    }

    /// New row-major memory for a spec, uninitialised.
    package init(_ spec: Spec) {
        self.init(
            storage: Storage(byteCount: spec.byteCount),
            layout: Layout(contiguous: spec.shape), dtype: spec.dtype)
    }

    /// New memory for a layout without gaps, uninitialised.
    init(_ layout: Layout, _ dtype: DType) {
        self.init(
            storage: Storage(byteCount: layout.count * dtype.size), layout: layout, dtype: dtype)
    }

    package var spec: Spec { Spec(shape, dtype) }
    package var shape: [Int] { layout.shape }
    package var count: Int { layout.count }

    /// The first element.
    package var address: UnsafeMutableRawPointer {
        storage.address + layout.offset * dtype.size
    }

    /// The address of the element at a position of row-major, contiguous memory.
    package func address(at element: Int) -> UnsafeMutableRawPointer {
        address + element * dtype.size
    }

    /// This tensor, or a row-major copy of it where its elements do not follow each other.
    package func contiguous(on workers: Workers) -> Tensor {
        if layout.isContiguous { return self }
        let copy = Tensor(Spec(shape, dtype))
        StridedCopy(from: self).write(to: copy.address, on: workers)
        return copy
    }

    /// A row-major tensor of the same elements in another type.
    package func converted(to target: DType, on workers: Workers) -> Tensor {
        let source = contiguous(on: workers)
        if target == dtype { return source }
        let result = Tensor(Spec(shape, target))
        let convert = Kernels.convert(from: dtype, to: target)
        workers.forRanges(of: count, grain: 1 << 15) { range in
            convert(
                result.address(at: range.lowerBound), source.address(at: range.lowerBound),
                range.count)
        }
        return result
    }
}

extension Tensor {
    /// Fills row-major memory with zero bytes.
    func clear(on workers: Workers) {
        let bytes = count * dtype.size
        workers.forRanges(of: bytes, grain: 1 << 20) { range in
            memset(address + range.lowerBound, 0, range.count)
        }
    }

    /// The part of this tensor's memory that a slice names.
    func viewed(_ slice: Slice) -> Tensor {
        var part = self
        part.layout = layout.sliced(starts: slice.starts, steps: slice.steps, shape: slice.sizes)
        return part
    }
}
