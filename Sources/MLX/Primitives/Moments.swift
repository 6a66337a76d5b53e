import CKernels

/// The mean and the variance along some axes, which vanish; the elements are read once. Those of
/// half types are float32.
struct Moments: Portable, TileReading {
    var name: String { "moments" }
    /// The axes in ascending order.
    let axes: [Int]

    /// Whether they can be computed in a type.
    static func isDefined(for dtype: DType) -> Bool { ck_moment_kernels_of(dtype.code) != nil }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let computed = inputs[0].dtype.computed
        guard Self.isDefined(for: computed) else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        guard inputs[0].count > 0 else {
            throw refusal("shape \(inputs[0].shape) has no elements")
        }
        let spec = Spec(inputs[0].shape.without(axes), computed)
        return [spec, spec]
    }

    func takesElements(of input: Spec) -> Bool {
        ReductionPlan(input.shape, axes: axes, joinsRows: true).isInOrder(input.shape)
    }

    func eval(
        _ elements: TileSource, _ others: ArraySlice<Tensor>, into outputs: [Tensor],
        on workers: Workers
    ) {
        MomentRows(elements, axes: axes)?.write(
            mean: outputs[0], variance: outputs[1], on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let x = call.inputs[0]
        let kept = x.shape.keeping(axes)
        let mean = reshaped(call.outputs[0], kept)
        let share = constant(1 / Double(axes.reduce(1) { $0 * x.shape[$1] }), like: mean)
        let ofMean = cotangents[0].map { reshaped($0, kept) * share }
        let ofVariance = cotangents[1].map { reshaped($0, kept) * (share + share) * (x - mean) }
        let parts = [ofMean, ofVariance].compactMap { $0 }
        guard let first = parts.first else { return [nil] }
        let all = parts.dropFirst().reduce(first, +)
        return [broadcast(all, to: x.shape).asType(x.dtype)]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil, nil] }
        return MLXArray.applyAll(
            MomentsTangent(axes: axes), [call.inputs[0], call.outputs[0], tangent])
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        MLXArray.applyAll(Moments(axes: axes.map { $0 + 1 }), inputs).map { Batched($0) }
    }

    func widened(to shape: [Int]) -> (any Primitive)? {
        Moments(axes: axes.map { $0 + 1 })
    }
}

/// The tangent of ``Moments``: inputs the argument, the mean, and the argument's tangent.
struct MomentsTangent: Portable {
    var name: String { "momentsTangent" }
    let axes: [Int]

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let moments = try Moments(axes: axes).outputs(inputs)
        guard inputs[0] == inputs[2], inputs[1] == moments[0] else {
            throw refusal(
                "the operands do not go together: \(inputs[0]), \(inputs[1]) and \(inputs[2])")
        }
        return moments
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = outputs[0].dtype
        guard let kernels = ck_moment_kernels_of(computed.code)?.pointee else { return }
        let x = inputs[0].rows(axes, as: computed, on: workers)
        let dx = inputs[2].rows(axes, as: computed, on: workers)
        let mean = inputs[1].converted(to: computed, on: workers)
        let length = axes.reduce(1) { $0 * inputs[0].shape[$1] }
        workers.forRanges(of: mean.count, grain: max(1, (1 << 14) / length)) { range in
            for row in range {
                kernels.tangent(
                    outputs[0].address(at: row), outputs[1].address(at: row),
                    x.address(at: row * length), mean.address(at: row),
                    dx.address(at: row * length), length)
            }
        }
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let apart = inputs[0] - reshaped(inputs[1], inputs[0].shape.keeping(axes))
        let change = inputs[2].asType(inputs[1].dtype)
        return [change.mean(axes: axes), 2 * (apart * change).mean(axes: axes)]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wider = MomentsTangent(axes: axes.map { $0 + 1 })
        return MLXArray.applyAll(wider, batch.stretched(inputs)).map { Batched($0) }
    }
}

extension [Int] {
    /// A shape whose sizes along some axes are 1.
    fileprivate func keeping(_ axes: [Int]) -> [Int] {
        indices.map { axes.contains($0) ? 1 : self[$0] }
    }
}

// What a call from a file must be.
extension Moments {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && axes.allSatisfy(inputs[0].hasAxis)
            && zip(axes, axes.dropFirst()).allSatisfy { $0 < $1 }
    }
}

extension MomentsTangent {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 3 && Moments(axes: axes).isSound([inputs[0]])
    }
}
