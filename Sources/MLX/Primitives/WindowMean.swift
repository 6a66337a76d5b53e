import CKernels

/// The mean of each window over the axes between the first and the last of an array
/// `[N, spatial…, C]`: `[N, positions…, C]`.
struct WindowMean: LinearPrimitive, Portable {
    let windows: SlidingWindows
    var name: String { "windowMean" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        [try windows.reduced(inputs[0], by: self)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        windows.reduce(inputs[0], into: outputs[0], by: ck_window_mean, on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let gradient = WindowMeanGradient(windows: windows, target: call.inputs[0].shape)
        return [cotangents[0].map { MLXArray.apply(gradient, [$0]) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [windows.folded(self, inputs, batch)]
    }
}

/// The transpose of ``WindowMean``: an array of a shape, to whose elements each window that they are
/// in gives its share.
struct WindowMeanGradient: LinearPrimitive, Portable {
    let windows: SlidingWindows
    let target: [Int]
    var name: String { "windowMeanGradient" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let whole = Spec(target, inputs[0].dtype)
        let expected = try WindowMean(windows: windows).outputs([whole])
        guard inputs == expected else { throw refusal("\(expected[0]) expected: got \(inputs[0])") }
        return [whole]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let dtype = outputs[0].dtype.computed
        guard outputs[0].count > 0, let kernel = ck_window_mean_gradient(dtype.code) else {
            return
        }
        let rows = WindowRows(windows, over: target)
        let dy = inputs[0].converted(to: dtype, on: workers)
        let dx = outputs[0].computing(dtype)
        let isWritten = rows.isDisjoint && rows.isCovering
        if !isWritten { dx.clear(on: workers) }
        rows.forRows(on: workers) { start, place, row in
            kernel(dx.address(at: start), dy.address(at: place), &row, isWritten ? 0 : 1)
        }
        outputs[0].finish(dx, on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { MLXArray.apply(WindowMean(windows: windows), [$0]) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let all = [batch.size * target[0]] + target.dropFirst()
        let samples = WindowMeanGradient(windows: windows, target: all)
        let result = MLXArray.apply(samples, [flattened(inputs[0], start: 0, end: 1)])
        return [Batched(reshaped(result, [batch.size] + target))]
    }
}

// What a call from a file must be.
extension WindowMean {
    func isSound(_ inputs: [Spec]) -> Bool { windows.isSound(inputs) }
}

extension WindowMeanGradient {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && Spec.isShape(target)
            && windows.isSound([Spec(target, inputs[0].dtype)])
    }
}
