/// A diagonal of the two innermost axes as one axis, without a copy.
struct Diagonal: View, Portable {
    let offset: Int

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        guard input.count >= 2 else { throw refusal("needs two axes, got shape \(input)") }
        let (rows, columns) = (input[input.count - 2], input[input.count - 1])
        return input.dropLast(2) + [max(0, min(rows + min(offset, 0), columns - max(offset, 0)))]
    }

    func view(_ input: Layout) -> Layout? {
        guard let target = try? shape(input.shape) else { return nil }
        let (down, across) = (input.stride(target.count - 1), input.stride(target.count))
        let start = target.contains(0) ? 0 : max(offset, 0) * across - min(offset, 0) * down
        return Layout(
            shape: target, strides: input.strides.dropLast(2) + [down + across],
            offset: input.offset + start)
    }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        withDiagonal(cotangent, offset, rows: input.dim(-2), columns: input.dim(-1))
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The same elements, in memory where they follow each other.
struct Contiguous: View, Portable {
    /// Whether column-major order will do.
    let allowsColumnMajor: Bool

    func shape(_ input: [Int]) throws(MLXError) -> [Int] { input }

    func view(_ input: Layout) -> Layout? {
        if input.isContiguous { return input }
        let turned = input.transposed(input.shape.indices.reversed())
        return allowsColumnMajor && turned.isContiguous ? input : nil
    }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray { cotangent }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The bytes read as another type; the last axis grows or shrinks with the size of an element.
struct Reinterpret: View, Portable {
    var name: String { "view" }
    let source: DType
    let target: DType

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        [Spec(try shape(inputs[0].shape), target)]
    }

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        if source.size == target.size { return input }
        guard let last = input.last, last * source.size % target.size == 0 else {
            throw refusal("the last axis of shape \(input) of \(source) gives no whole \(target)")
        }
        return input.dropLast() + [last * source.size / target.size]
    }

    func view(_ input: Layout) -> Layout? {
        if source.size == target.size { return input }
        guard let target = try? shape(input.shape), let last = input.shape.indices.last,
            input.stride(last) == 1 || input.shape[input.shape.count - 1] == 1
        else { return nil }
        let places = input.strides.dropLast() + [input.offset]
        let scaled = places.map { ($0 * source.size).quotientAndRemainder(dividingBy: itemSize) }
        guard scaled.allSatisfy({ $0.remainder == 0 }) else { return nil }
        let moved = scaled.map(\.quotient)
        return Layout(
            shape: target, strides: moved.dropLast() + [1], offset: moved[moved.count - 1])
    }

    func alias(of input: Tensor) -> Tensor? {
        guard let layout = view(input.layout) else { return nil }
        return Tensor(storage: input.storage, layout: layout, dtype: target)
    }

    private var itemSize: Int { target.size }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard inputs[0].count > 0 else { return }
        StridedCopy(from: inputs[0]).write(to: outputs[0].address, on: workers)
    }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray { zeros(like: input) }
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The first input, computed after the others.
struct Depends: View, Portable {
    func shape(_ input: [Int]) throws(MLXError) -> [Int] { input }
    func view(_ input: Layout) -> Layout? { input }
    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray { cotangent }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(self, inputs), axis: batch.isBatched[0] ? 0 : nil)]
    }
}

extension Diagonal {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && (-Int(Int32.max))...Int(Int32.max) ~= offset
    }
}

extension Contiguous {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}

extension Reinterpret {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 && inputs[0].dtype == source }
}

extension Depends {
    func isSound(_ inputs: [Spec]) -> Bool { !inputs.isEmpty }
}
