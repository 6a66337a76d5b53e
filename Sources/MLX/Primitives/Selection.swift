import CKernels

/// One of two arrays' elements, by a condition.
struct Select: Portable {
    var name: String { "which" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (condition, a, b) = (inputs[0], inputs[1], inputs[2])
        guard condition.dtype == .bool, a == b, condition.shape == a.shape else {
            throw refusal("the operands differ: \(condition), \(a) and \(b)")
        }
        return [a]
    }

    func kernel(_ inputs: Few<DType>) -> TileKernel? { kernel(on: inputs[1]) }

    /// The kernel on elements of a type.
    func kernel(on dtype: DType) -> TileKernel? {
        guard let kernel = ck_select(Int32(dtype.size)) else { return nil }
        return TileKernel(body: .ternary(kernel), first: .bool, others: dtype, output: dtype)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (condition, zero) = (call.inputs[0], constant(0, like: cotangent))
        return [
            nil, call.wanted[1] ? which(condition, cotangent, zero) : nil,
            call.wanted[2] ? which(condition, zero, cotangent) : nil,
        ]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let zero = constant(0, like: call.output)
        let (a, b) = (tangents[1], tangents[2])
        if a == nil, b == nil { return [nil] }
        return [which(call.inputs[0], a ?? zero, b ?? zero)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension Select {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 3 }
}
