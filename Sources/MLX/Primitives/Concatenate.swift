/// Several arrays one behind the other along an axis.
struct Concatenate: Portable {
    var name: String { "concatenated" }
    let axis: Int

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        var shape = inputs[0].shape
        for input in inputs.dropFirst() {
            var expected = shape
            if expected.indices ~= axis, input.shape.indices ~= axis {
                expected[axis] = input.shape[axis]
            }
            guard input.shape == expected else {
                throw refusal(
                    "shapes \(inputs[0].shape) and \(input.shape) differ outside axis \(axis)")
            }
            shape[axis] += input.shape[axis]
        }
        return [Spec(shape, inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        if let parts = RowParts(inputs, axis: axis) {
            return parts.write(into: outputs[0].address, on: workers)
        }
        for (input, slice) in zip(inputs, slices(inputs.map(\.shape))) {
            StridedCopy.write(input, into: outputs[0].viewed(slice), on: workers)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return call.inputs.map { _ in nil } }
        return slices(call.inputs.map(\.shape)).map { MLXArray.apply($0, [cotangent]) }
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let parts = zip(tangents, call.inputs).map { $0 ?? zeros(like: $1) }
        return [MLXArray.apply(self, parts)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(Concatenate(axis: axis + 1), batch.stretched(inputs)))]
    }

    func widened(to shape: [Int]) -> (any Primitive)? { Concatenate(axis: axis + 1) }

    /// Where each input lies in the result.
    private func slices(_ shapes: [[Int]]) -> [Slice] {
        var start = 0
        return shapes.map { shape in
            var starts = shape.map { _ in 0 }
            starts[axis] = start
            start += shape[axis]
            return Slice(starts: starts, steps: shape.map { _ in 1 }, sizes: shape)
        }
    }
}

/// Arrays of one shape along a new axis.
struct Stack: Portable {
    var name: String { "stacked" }
    let axis: Int

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        for input in inputs where input.shape != inputs[0].shape {
            throw refusal("shapes \(inputs[0].shape) and \(input.shape) differ")
        }
        var shape = inputs[0].shape
        guard 0...shape.count ~= axis else {
            throw refusal("axis \(axis) is out of bounds for shape \(shape)")
        }
        shape.insert(inputs.count, at: axis)
        return [Spec(shape, inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        if let parts = RowParts(inputs, axis: axis) {
            return parts.write(into: outputs[0].address, on: workers)
        }
        // As one of a single place along the new axis each.
        var shape = inputs[0].shape
        shape.insert(1, at: axis)
        for (index, input) in inputs.enumerated() {
            var (wide, starts) = (input, shape.map { _ in 0 })
            wide.layout = wide.layout.with(axis: axis)
            starts[axis] = index
            let place = Slice(starts: starts, steps: shape.map { _ in 1 }, sizes: shape)
            StridedCopy.write(wide, into: outputs[0].viewed(place), on: workers)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return call.inputs.map { _ in nil } }
        var sizes = cotangent.shape
        sizes[axis] = 1
        return call.inputs.indices.map { index in
            var starts = sizes.map { _ in 0 }
            starts[axis] = index
            let place = Slice(starts: starts, steps: sizes.map { _ in 1 }, sizes: sizes)
            return MLXArray.apply(place, [cotangent]).squeezed(axis: axis)
        }
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let parts = zip(tangents, call.inputs).map { $0 ?? zeros(like: $1) }
        return [MLXArray.apply(self, parts)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(Stack(axis: axis + 1), batch.stretched(inputs)))]
    }

    func widened(to shape: [Int]) -> (any Primitive)? { Stack(axis: axis + 1) }
}

/// Tensors that lie in one piece each, whose rows, of the axes from some one on, become parts of the
/// rows of a result.
private struct RowParts {
    /// Where each one begins, the bytes of its rows, and where they lie in the result's.
    private let parts: [(start: UnsafeMutableRawPointer, length: Int, place: Int)]
    private let tensors: [Tensor]
    private let rows: Int
    private let rowLength: Int

    /// Parts of a line of the cache and more are copied as they are, and by one thread up to so much.
    private static let lengths = 64...(1 << 18)
    /// About how many bytes a thread copies at a time.
    private static let grain = 1 << 17

    /// Nil where they lie apart, or one of them, or its rows, are so short or so long that it is
    /// better done one tensor after the other.
    init?(_ inputs: [Tensor], axis: Int) {
        let rows = inputs[0].shape[..<axis].reduce(1, *)
        var (parts, place): ([(UnsafeMutableRawPointer, Int, Int)], Int) = ([], 0)
        parts.reserveCapacity(inputs.count)
        for input in inputs {
            let bytes = input.count * input.dtype.size
            let length = rows == 0 ? 0 : bytes / rows
            guard input.layout.isContiguous, Self.lengths ~= length, bytes < Caches.capacity else {
                return nil
            }
            parts.append((input.address, length, place))
            place += length
        }
        (self.parts, self.rows, rowLength, tensors) = (parts, rows, place, inputs)
    }

    func write(into target: UnsafeMutableRawPointer, on workers: Workers) {
        let mean = rowLength / parts.count
        parts.withUnsafeBufferPointer { parts in
            workers.forRanges(of: rows * parts.count, grain: max(1, Self.grain / mean)) { range in
                var (row, index) = range.lowerBound.quotientAndRemainder(dividingBy: parts.count)
                for _ in range {
                    let part = parts[index]
                    (target + row * rowLength + part.place).copyMemory(
                        from: part.start + row * part.length, byteCount: part.length)
                    index += 1
                    if index == parts.count { (row, index) = (row + 1, 0) }
                }
            }
        }
        extendLifetime(tensors)
    }
}

/// The parts of an array between places along an axis, as views: the way back from
/// ``Concatenate``, whose gradient is made in one pass.
struct Split: Portable {
    var name: String { "split" }
    let axis: Int
    /// Where it is cut, in ascending order.
    let places: [Int]
    package var stepCount: Int { 0 }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let size = inputs[0].shape[axis]
        guard (places.last ?? 0) <= size else {
            throw refusal("\(places) lie outside axis \(axis) of shape \(inputs[0].shape)")
        }
        return slices(inputs[0].shape).map { Spec($0.sizes, inputs[0].dtype) }
    }

    func alias(_ inputs: [Tensor]) -> [Tensor]? {
        slices(inputs[0].shape).map { inputs[0].viewed($0) }
    }

    /// Not called, as there are always views.
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        for (slice, output) in zip(slices(inputs[0].shape), outputs) {
            StridedCopy.write(inputs[0].viewed(slice), into: output, on: workers)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let given = cotangents.indices.filter { cotangents[$0] != nil }
        guard let first = given.first, let cotangent = cotangents[first] else { return [nil] }
        let shape = call.inputs[0].shape
        if given.count == 1 {
            return [MLXArray.apply(Embed(slice: slices(shape)[first], target: shape), [cotangent])]
        }
        let parts = zip(cotangents, call.outputs).map { $0 ?? zeros(like: $1) }
        return [MLXArray.apply(Concatenate(axis: axis), parts)]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return call.outputs.map { _ in nil } }
        return MLXArray.applyAll(self, [tangent])
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        MLXArray.applyAll(Split(axis: axis + 1, places: places), inputs).map { Batched($0) }
    }

    private func slices(_ shape: [Int]) -> [Slice] {
        let bounds = [0] + places + [shape[axis]]
        return zip(bounds, bounds.dropFirst()).map { start, end in
            var (starts, sizes) = (shape.map { _ in 0 }, shape)
            (starts[axis], sizes[axis]) = (start, end - start)
            return Slice(starts: starts, steps: shape.map { _ in 1 }, sizes: sizes)
        }
    }
}

// What a call from a file must be.
extension Concatenate {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard let first = inputs.first else { return false }
        return first.hasAxis(axis) && inputs.allSatisfy { $0.dtype == first.dtype }
    }
}

extension Split {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 1, inputs[0].hasAxis(axis), places.count < 1 << 16 else {
            return false
        }
        return zip([0] + places, places).allSatisfy { $0 <= $1 }
    }
}

extension Stack {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard let first = inputs.first else { return false }
        return 0...first.shape.count ~= axis && inputs.allSatisfy { $0 == first }
    }
}
