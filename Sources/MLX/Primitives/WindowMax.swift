import CKernels

/// The largest element of each window over the axes between the first and the last of an array
/// `[N, spatial…, C]`: `[N, positions…, C]`. Ties share the gradient equally, as in MLX.
struct WindowMax: Portable {
    let windows: SlidingWindows
    var name: String { "windowMax" }

    /// The axes of windows that vanish.
    private var axes: [Int] { windows.sizes.indices.map { 1 + windows.sizes.count + $0 } }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        [try windows.reduced(inputs[0], by: self)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        windows.reduce(inputs[0], into: outputs[0], by: ck_window_max, on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let (x, y) = (call.inputs[0], call.output)
        return [
            cotangents[0].map { MLXArray.apply(WindowMaxGradient(windows: windows), [x, y, $0]) }
        ]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { picked($0, x: call.inputs[0], y: call.output) }]
    }

    /// The elements of an array where x has the largest of a window, in the mean over ties.
    func picked(_ array: MLXArray, x: MLXArray, y: MLXArray) -> MLXArray {
        let seen = MLXArray.apply(windows, [x])  // [N, positions…, sizes…, C]
        let isLargest = (seen .== expandedDimensions(y, axes: axes)).asType(array.dtype)
        let weights = isLargest / isLargest.sum(axes: axes, keepDims: true)
        return (MLXArray.apply(windows, [array]) * weights).sum(axes: axes)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [windows.folded(self, inputs, batch)]
    }
}

/// The gradient of ``WindowMax`` by its input: inputs x, its results y and the cotangent.
struct WindowMaxGradient: Portable {
    let windows: SlidingWindows
    var name: String { "windowMaxGradient" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let results = try WindowMax(windows: windows).outputs(inputs)
        guard inputs[1] == results[0], inputs[2] == results[0] else {
            throw refusal("\(results[0]) expected twice: got \(inputs[1]) and \(inputs[2])")
        }
        return [inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let dtype = outputs[0].dtype.computed
        guard outputs[0].count > 0, let kernel = ck_window_max_gradient(dtype.code) else { return }
        let rows = WindowRows(windows, over: outputs[0].shape)
        let (x, y, dy) = (
            inputs[0].converted(to: dtype, on: workers),
            inputs[1].converted(to: dtype, on: workers),
            inputs[2].converted(to: dtype, on: workers)
        )
        let dx = outputs[0].computing(dtype)
        let isWritten = rows.isDisjoint && rows.isCovering
        if !isWritten { dx.clear(on: workers) }
        rows.forRows(on: workers) { start, place, row in
            kernel(
                dx.address(at: start), x.address(at: start), y.address(at: place),
                dy.address(at: place), &row, isWritten ? 0 : 1)
        }
        outputs[0].finish(dx, on: workers)
    }

    /// It is linear in the cotangent, and flat in the others.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let largest = WindowMax(windows: windows)
        let (x, y) = (call.inputs[0], call.inputs[1])
        return [nil, nil, cotangents[0].map { largest.picked($0, x: x, y: y) }]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[2].map { MLXArray.apply(self, [call.inputs[0], call.inputs[1], $0]) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [windows.folded(self, inputs, batch)]
    }
}

extension SlidingWindows {
    /// What an array of real numbers `[N, spatial…, C]` becomes when each window is reduced to one
    /// element: `[N, positions…, C]`.
    func reduced(_ x: Spec, by primitive: some Primitive) throws(MLXError) -> Spec {
        guard x.dtype.isFloatingPoint, !x.dtype.isComplex else {
            throw primitive.refusal("not defined for \(x.dtype)")
        }
        let seen = try shape(x.shape)
        return Spec(seen[...sizes.count] + [seen[seen.count - 1]], x.dtype)
    }

    /// Reduces each window by the kernel of its type.
    func reduce(
        _ input: Tensor, into output: Tensor, by kernel: (Int32) -> ck_window_reduce?,
        on workers: Workers
    ) {
        let dtype = output.dtype.computed
        guard output.count > 0, let kernel = kernel(dtype.code) else { return }
        let x = input.converted(to: dtype, on: workers)
        let y = output.computing(dtype)
        WindowRows(self, over: x.shape).forRows(on: workers) { start, place, row in
            kernel(y.address(at: place), x.address(at: start), &row)
        }
        output.finish(y, on: workers)
    }

    /// A call whose inputs and result all have samples in front, of which a batch is only more.
    func folded(
        _ primitive: any Primitive, _ inputs: [MLXArray], _ batch: Batch
    ) -> Batched {
        let wide = batch.stretched(inputs)
        let result = MLXArray.apply(primitive, wide.map { flattened($0, start: 0, end: 1) })
        return Batched(reshaped(result, wide[0].shape.prefix(2) + result.shape.dropFirst()))
    }
}

// What a call from a file must be.
extension WindowMax {
    func isSound(_ inputs: [Spec]) -> Bool { windows.isSound(inputs) }
}

extension WindowMaxGradient {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 3 && windows.isSound([inputs[0]])
    }
}
