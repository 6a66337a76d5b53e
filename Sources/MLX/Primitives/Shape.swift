struct Reshape: View, Portable {
    let target: [Int]

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        guard input.reduce(1, *) == target.reduce(1, *) else {
            throw refusal("can't make shape \(target) of an array of shape \(input)")
        }
        return target
    }

    func view(_ input: Layout) -> Layout? { input.reshaped(target) }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        cotangent.reshaped(input.shape)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.viewed(inputs[0], Reshape(target: [batch.size] + target)))]
    }

    func widened(to shape: [Int]) -> (any Primitive)? { Reshape(target: shape) }
}

struct Transpose: View, Portable {
    let axes: [Int]

    init(axes: [Int]) { self.axes = axes }

    /// Two axes in each other's place.
    init(swapping one: Int, _ other: Int, of count: Int) {
        if min(one, other) == count - 2, max(one, other) == count - 1,
            count < Self.turns.count
        {
            axes = Self.turns[count]
            return
        }
        var axes = Array(0..<count)
        axes.swapAt(one, other)
        self.axes = axes
    }

    /// The axes with the two inner ones swapped, by how many there are: most transposes are such.
    private static let turns = (0..<8).map { count in
        count < 2 ? [] : Array(0..<count - 2) + [count - 1, count - 2]
    }

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        let isOrder =
            axes.count == input.count
            && axes.indices.allSatisfy {
                input.indices ~= axes[$0] && !axes[..<$0].contains(axes[$0])
            }
        guard isOrder else {
            throw refusal("\(axes) is not an order of the axes of shape \(input)")
        }
        return axes.map { input[$0] }
    }

    func view(_ input: Layout) -> Layout? { input.transposed(axes) }

    var turnsMatrices: Bool {
        let last = axes.count - 1
        return last > 0 && axes[last] == last - 1 && axes[last - 1] == last
            && axes.dropLast(2).elementsEqual(0..<last - 1)
    }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        var inverse = axes
        for (position, axis) in axes.enumerated() { inverse[axis] = position }
        return cotangent.transposed(axes: inverse)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.viewed(inputs[0], Transpose(axes: [0] + axes.map { $0 + 1 })))]
    }

    func widened(to shape: [Int]) -> (any Primitive)? { Transpose(axes: [0] + axes.map { $0 + 1 }) }
}

struct Broadcast: View, Portable {
    let target: [Int]

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        guard input.stretches(to: target) else {
            throw .caught(
                "[broadcast_shapes] Shapes \(tuple(input)) and \(tuple(target)) cannot be broadcast"
            )
        }
        return target
    }

    func view(_ input: Layout) -> Layout? { input.broadcast(to: target) }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        let added = target.count - input.ndim
        let stretched = target.indices.filter {
            $0 < added || (input.shape[$0 - added] == 1 && target[$0] != 1)
        }
        return cotangent.sum(axes: stretched).reshaped(input.shape)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        var shape = inputs[0].shape
        let added = target.count + 1 - shape.count
        if added > 0 { shape.insert(contentsOf: repeatElement(1, count: added), at: 1) }
        return [Batched(broadcast(reshaped(inputs[0], shape), to: [batch.size] + target))]
    }
}

/// Every `steps`-th element of each axis from `starts` on; a negative step walks back.
struct Slice: View, Portable {
    let starts: [Int]
    let steps: [Int]
    let sizes: [Int]

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        for axis in input.indices where sizes[axis] > 0 {
            let last = starts[axis] + (sizes[axis] - 1) * steps[axis]
            guard 0..<input[axis] ~= starts[axis], 0..<input[axis] ~= last else {
                throw refusal("\(starts[axis])...\(last) lies outside axis \(axis) of \(input)")
            }
        }
        return sizes
    }

    func view(_ input: Layout) -> Layout? {
        input.sliced(starts: starts, steps: steps, shape: sizes)
    }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        let slice = self
        return MLXArray.apply(Embed(slice: slice, target: input.shape), [cotangent])
    }

    /// The slice with a leading axis that it takes whole.
    func withLeadingAxis(_ size: Int) -> Slice {
        Slice(starts: [0] + starts, steps: [1] + steps, sizes: [size] + sizes)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.viewed(inputs[0], withLeadingAxis(batch.size)))]
    }

    func widened(to shape: [Int]) -> (any Primitive)? {
        Slice(starts: [0] + starts, steps: [1] + steps, sizes: shape)
    }
}

/// An array of zeros with the input written into a slice of it: the transpose of ``Slice``.
struct Embed: LinearPrimitive, Portable {
    var name: String { "embed" }
    let slice: Slice
    let target: [Int]

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { [Spec(target, inputs[0].dtype)] }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        outputs[0].clear(on: workers)
        StridedCopy.write(inputs[0], into: outputs[0].viewed(slice), on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { MLXArray.apply(slice, [$0]) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = Embed(
            slice: slice.withLeadingAxis(batch.size), target: [batch.size] + target)
        return [Batched(MLXArray.apply(wide, inputs))]
    }

    func widened(to shape: [Int]) -> (any Primitive)? {
        Embed(slice: slice.withLeadingAxis(shape[0]), target: shape)
    }
}

/// The identity, whose gradient is zero.
struct StopGradient: View, Portable {
    func shape(_ input: [Int]) throws(MLXError) -> [Int] { input }
    func view(_ input: Layout) -> Layout? { input }
    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray { cotangent }
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// A shape as MLX writes it in messages: `(2,5)`.
func tuple(_ shape: [Int]) -> String {
    "(" + shape.map(String.init).joined(separator: ",") + ")"
}

// What a call from a file must be.
extension Reshape {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 && Spec.isShape(target) }
}

extension Transpose {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}

extension Broadcast {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 && Spec.isShape(target) }
}

extension Slice {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 1, case let shape = inputs[0].shape, starts.count == shape.count,
            steps.count == shape.count, sizes.count == shape.count
        else { return false }
        return shape.indices.allSatisfy { axis in
            0...shape[axis] ~= sizes[axis] && (-1)...shape[axis] ~= starts[axis]
                && steps[axis] != 0 && steps[axis].magnitude <= Spec.longestStep(shape[axis])
        }
    }
}

extension Embed {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 1, Spec.isShape(target) else { return false }
        let whole = [Spec(target, inputs[0].dtype)]
        return slice.isSound(whole) && (try? slice.outputs(whole)) == inputs
    }
}

extension StopGradient {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}
