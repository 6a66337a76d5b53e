import CKernels

/// Any strides over the elements in row-major order.
struct AsStrided: View, Portable {
    let target: [Int]
    let strides: [Int]
    let offset: Int

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        let count = input.reduce(1, *)
        var (first, last) = (offset, offset)
        for (size, stride) in zip(target, strides) {
            if size == 0 { return target }
            first += min((size - 1) * stride, 0)
            last += max((size - 1) * stride, 0)
        }
        guard first >= 0, last < count else {
            throw refusal(
                "elements \(first)...\(last) of an array with \(count): shape \(target), "
                    + "strides \(strides), offset \(offset)")
        }
        return target
    }

    func view(_ input: Layout) -> Layout? {
        guard input.isContiguous else { return nil }
        return Layout(shape: target, strides: strides, offset: input.offset + offset)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard outputs[0].count > 0 else { return }
        let source = seen(inputs[0].contiguous(on: workers))
        StridedCopy(from: source).write(to: outputs[0].address, on: workers)
    }

    /// The part of row-major memory that the strides reach.
    func seen(_ tensor: Tensor) -> Tensor {
        var part = tensor
        part.layout = view(tensor.layout) ?? tensor.layout
        return part
    }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        MLXArray.apply(StridedSum(places: self, target: input.shape), [cotangent])
    }

    /// The same for every one of several arrays of `count` elements.
    func withLeadingAxis(_ size: Int, _ count: Int) -> AsStrided {
        AsStrided(target: [size] + target, strides: [count] + strides, offset: offset)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = withLeadingAxis(batch.size, inputs[0].size / batch.size)
        return [Batched(MLXArray.apply(wide, inputs))]
    }
}

/// An array of zeros to which elements are added where strides name them: the transpose of
/// ``AsStrided``.
struct StridedSum: LinearPrimitive, Portable {
    var name: String { "stridedSum" }
    let places: AsStrided
    let target: [Int]

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { [Spec(target, inputs[0].dtype)] }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let output = outputs[0]
        let computed = output.dtype.computed
        guard computed != output.dtype else {
            return add(inputs[0], to: output, on: workers)
        }
        // Half types are summed as float32 and rounded once.
        let wide = Tensor(Spec(target, computed))
        add(inputs[0].converted(to: computed, on: workers), to: wide, on: workers)
        output.fill(from: wide, on: workers)
    }

    /// One task adds, as elements may meet anywhere; always in the same order.
    private func add(_ input: Tensor, to output: Tensor, on workers: Workers) {
        output.clear(on: workers)
        guard let kernel = ck_accumulate_2d(output.dtype.code), input.count > 0 else { return }
        let target = places.seen(output)
        let rank = input.shape.count
        let columns = rank > 0 ? input.shape[rank - 1] : 1
        let rows = rank > 1 ? input.shape[rank - 2] : 1
        let size = output.dtype.size
        for plane in 0..<input.count / (rows * columns) {
            kernel(
                target.address + target.offset(ofPlane: plane) * size,
                input.address + input.offset(ofPlane: plane) * size, rows, columns,
                target.rowStride, rank > 0 ? target.layout.stride(rank - 1) : 0,
                input.rowStride, rank > 0 ? input.layout.stride(rank - 1) : 0)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { MLXArray.apply(places, [$0]) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = StridedSum(
            places: places.withLeadingAxis(batch.size, target.reduce(1, *)),
            target: [batch.size] + target)
        return [Batched(MLXArray.apply(wide, inputs))]
    }
}

extension Tensor {
    /// Writes row-major elements of another type to this row-major memory.
    func fill(from source: Tensor, on workers: Workers) {
        let convert = Kernels.convert(from: source.dtype, to: dtype)
        workers.forRanges(of: count, grain: 1 << 15) { range in
            let start = range.lowerBound
            convert(address(at: start), source.address(at: start), range.count)
        }
    }
}

extension AsStrided {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 1, target.count == strides.count, Spec.isShape(target),
            0...inputs[0].count ~= offset
        else { return false }
        var reach = offset
        for (size, stride) in zip(target, strides) {
            guard let step = Spec.product(max(size - 1, 0), stride), step != .min,
                case (let sum, let overflow) = reach.addingReportingOverflow(abs(step)), !overflow
            else { return false }
            reach = sum
        }
        return true
    }
}

extension StridedSum {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 1, Spec.isShape(target) else { return false }
        let whole = [Spec(target, inputs[0].dtype)]
        return places.isSound(whole) && (try? places.outputs(whole)) == inputs
    }
}
