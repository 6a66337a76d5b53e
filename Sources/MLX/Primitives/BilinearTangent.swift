import CKernels

/// An operation that is linear in each of its first two inputs; others that it has are integers.
enum BilinearOperation: Codable, Sendable {
    case matMul(MatMul)
    case gatherMM(GatherMM)
    case gatherOuter(GatherOuter)
    case segmentedMM(SegmentedMM)
    case segmentedSpread(SegmentedSpread)
    case convolution(ImageConvolution)

    fileprivate var primitive: any Portable {
        switch self {
        case .matMul(let primitive): primitive
        case .gatherMM(let primitive): primitive
        case .gatherOuter(let primitive): primitive
        case .segmentedMM(let primitive): primitive
        case .segmentedSpread(let primitive): primitive
        case .convolution(let primitive): primitive
        }
    }

    /// What ``Primitive/jvp(_:_:)`` answers.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let (inputs, primitive) = (call.inputs, primitive)
        switch (tangents[0], tangents[1]) {
        case (let da?, let db?):
            return [MLXArray.apply(BilinearTangent(of: self), inputs + [da, db])]
        case (let da?, nil): return [MLXArray.apply(primitive, [da] + inputs[1...])]
        case (nil, let db?): return [MLXArray.apply(primitive, [inputs[0], db] + inputs[2...])]
        case (nil, nil): return [nil]
        }
    }
}

/// The tangent of a product of which both factors change, `f(da, b) + f(a, db)`: inputs those of the
/// product, and the tangents of the two factors.
struct BilinearTangent: Portable {
    let of: BilinearOperation
    var name: String { "bilinearTangent" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard Array(inputs.suffix(2)) == Array(inputs.prefix(2)) else {
            throw refusal("the tangents \(inputs.suffix(2)) are not as \(inputs.prefix(2))")
        }
        return try of.primitive.outputs(inputs.dropLast(2))
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        let second = Tensor(Spec(output.shape, output.dtype))
        try of.primitive.eval(byFirst(inputs), into: [output], on: workers)
        try of.primitive.eval(bySecond(inputs), into: [second], on: workers)
        let computed = output.dtype.computed
        guard let add = ck_add(computed.code), output.count > 0 else { return }
        let (wide, other) = (
            output.converted(to: computed, on: workers), second.converted(to: computed, on: workers)
        )
        workers.forRanges(of: output.count, grain: 1 << 15) { range in
            let place = wide.address(at: range.lowerBound)
            add(place, place, other.address(at: range.lowerBound), range.count)
        }
        output.finish(wide, on: workers)
    }

    /// The inputs of the product by the change of the first factor.
    private func byFirst<Value>(_ inputs: [Value]) -> [Value] {
        [inputs[inputs.count - 2]] + inputs[1...].dropLast(2)
    }

    /// The inputs of the product by the change of the second factor.
    private func bySecond<Value>(_ inputs: [Value]) -> [Value] {
        [inputs[0], inputs[inputs.count - 1]] + inputs[2...].dropLast(2)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        [
            MLXArray.apply(of.primitive, byFirst(inputs))
                + MLXArray.apply(of.primitive, bySecond(inputs))
        ]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let first = product(byFirst(inputs), Batch(batch, byFirst(batch.isBatched)))
        let second = product(bySecond(inputs), Batch(batch, bySecond(batch.isBatched)))
        // One that is the same for all broadcasts.
        return [Batched(first + second)]
    }

    private func product(_ inputs: [MLXArray], _ batch: Batch) -> MLXArray {
        guard batch.isBatched.contains(true) else { return MLXArray.apply(of.primitive, inputs) }
        return of.primitive.vmap(inputs, batch)[0].inFront
    }

    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count >= 4 && of.primitive.isSound(inputs.dropLast(2))
    }
}

extension Batch {
    /// The same axis for other inputs.
    fileprivate init(_ batch: Batch, _ isBatched: [Bool]) {
        self.init(size: batch.size, isBatched: isBatched)
    }
}
