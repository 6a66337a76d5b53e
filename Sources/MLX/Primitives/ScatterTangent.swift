import CKernels

// Every reduction but `set` and `add` looks at the values.
extension Scatter {
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (array, indices, updates) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let taken = take(cotangent, indices, axis: axis)
        switch reduction {
        case .set:
            let kept = joined(cotangent, indices, zeros(like: updates))
            return [kept, nil, which(isLast(call), taken, constant(0, like: taken))]
        case .add: return [cotangent, nil, taken]
        case .multiply:
            let factor = joined(ones(like: array), indices, updates)
            return [cotangent * factor, nil, taken * factors(call.inputs)]
        case .minimum, .maximum:
            let zero = constant(0, like: taken)
            return [
                which(call.output .== array, cotangent, zero), nil,
                which(isChosen(call.inputs, call.output), taken, zero),
            ]
        }
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let (array, indices, updates) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let (change, updateChange) = (tangents[0], tangents[2])
        switch reduction {
        case .set:
            return [
                joined(
                    change ?? zeros(like: array), indices, updateChange ?? zeros(like: updates))
            ]
        case .add:
            guard let updateChange else { return [change] }
            return [joined(change ?? zeros(like: array), indices, updateChange)]
        case .multiply, .minimum, .maximum:
            let changes = [change ?? zeros(like: array), updateChange ?? zeros(like: updates)]
            guard array.dtype.isReal else {
                return [self.change(call.inputs, call.output, changes[0], changes[1])]
            }
            let tangent = ScatterTangent(axis: axis, reduction: reduction)
            return [MLXArray.apply(tangent, call.inputs + changes)]
        }
    }

    /// The tangent by other operations, for reductions that look at the values.
    fileprivate func change(
        _ inputs: [MLXArray], _ output: MLXArray, _ change: MLXArray, _ updateChange: MLXArray
    ) -> MLXArray {
        let (array, indices, updates) = (inputs[0], inputs[1], inputs[2])
        if reduction == .multiply {
            let factor = joined(ones(like: array), indices, updates)
            return change * factor + added(updateChange * factors(inputs), inputs)
        }
        let zero = constant(0, like: array)
        return which(output .== array, change, zero)
            + added(which(isChosen(inputs, output), updateChange, zero), inputs)
    }

    /// The same call on other arrays.
    private func joined(
        _ array: MLXArray, _ indices: MLXArray, _ updates: MLXArray
    ) -> MLXArray {
        MLXArray.apply(self, [array, indices, updates])
    }

    /// Zeros with changes of the updates added at their places.
    private func added(_ changes: MLXArray, _ inputs: [MLXArray]) -> MLXArray {
        MLXArray.apply(
            Scatter(axis: axis, reduction: .add),
            [zeros(like: inputs[0]).asType(changes.dtype), inputs[1], changes])
    }

    /// For each index whether no later one names the same place, in a shape that broadcasts to the
    /// updates'.
    private func isLast(_ call: Call) -> MLXArray {
        let indices = call.inputs[1]
        let positions = reshaped(arange(indices.size, dtype: .int64), indices.shape)
        let writers = MLXArray.apply(
            Scatter(axis: 0, reduction: .set),
            [zeros([call.output.dim(axis)], dtype: .int64), indices, positions])
        let behind = [Int](repeating: 1, count: call.output.ndim - axis - 1)
        return reshaped(take(writers, indices, axis: 0) .== positions, indices.shape + behind)
    }

    /// For each update whether it equals the result at its place.
    private func isChosen(_ inputs: [MLXArray], _ output: MLXArray) -> MLXArray {
        take(output, inputs[1], axis: axis) .== inputs[2]
    }

    /// For each update what it is multiplied by: all else at its place, also beside zeros.
    private func factors(_ inputs: [MLXArray]) -> MLXArray {
        let (array, indices, updates) = (inputs[0], inputs[1], inputs[2])
        let isZero = updates .== 0
        let counts = take(added(isZero.asType(.int32), inputs), indices, axis: axis)
        let safe = which(isZero, constant(1, like: updates), updates)
        let rest = take(joined(array, indices, safe), indices, axis: axis)
        let others = which(isZero, rest, rest / safe)
        let counted = which(isZero, counts .== 1, counts .== 0)
        return which(counted, others, constant(0, like: others))
    }
}

/// The tangent of ``Scatter`` of reals by a reduction that looks at the values: inputs those of the
/// scatter, and the tangents of the array and of the updates.
struct ScatterTangent: Portable {
    var name: String { "scatterTangent" }
    let axis: Int
    let reduction: Scatter.Reduction

    private func kernel(_ dtype: DType) -> ck_join_tangents? {
        switch reduction {
        case .set, .add: nil
        case .multiply: ck_join_multiply_tangent(dtype.code)
        case .minimum: ck_join_minimum_tangent(dtype.code)
        case .maximum: ck_join_maximum_tangent(dtype.code)
        }
    }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[3] == inputs[0], inputs[4] == inputs[2],
            kernel(inputs[0].dtype.computed) != nil
        else { throw refusal("the operands do not go together: \(inputs)") }
        return try Scatter(axis: axis, reduction: reduction).outputs(Array(inputs.prefix(3)))
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let (output, dtype) = (outputs[0], outputs[0].dtype.computed)
        let places = try places(inputs[1], output.shape[axis], on: workers)
        guard let kernel = kernel(dtype) else { return }
        let values = Tensor(Spec(output.shape, dtype))
        values.copy(inputs[0].converted(to: dtype, on: workers), on: workers)
        let changes = output.computing(dtype)
        changes.copy(inputs[3].converted(to: dtype, on: workers), on: workers)
        let updates = inputs[2].converted(to: dtype, on: workers).contiguous(on: workers)
        let moves = inputs[4].converted(to: dtype, on: workers).contiguous(on: workers)
        let plan = ScatterPlan(output.shape, axis, count: places.count)
        plan.forColumns(on: workers) { place, update, width in
            kernel(
                values.address(at: place), changes.address(at: place),
                updates.address(at: update), moves.address(at: update),
                places.address.as(Int64.self), places.count, plan.axes.inner, width)
        }
        output.finish(changes, on: workers)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let (scatter, own) = (Scatter(axis: axis, reduction: reduction), Array(inputs.prefix(3)))
        return [scatter.change(own, MLXArray.apply(scatter, own), inputs[3], inputs[4])]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [batch.scattered(inputs, along: axis) { ScatterTangent(axis: $0, reduction: reduction) }]
    }

    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 5 && inputs[0].hasAxis(axis) }
}
