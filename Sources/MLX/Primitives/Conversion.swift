/// The elements in another type.
struct AsType: Portable {
    var name: String { "asType" }
    let target: DType

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { [Spec(inputs[0].shape, target)] }

    func kernel(_ inputs: Few<DType>) -> TileKernel? {
        let convert = Kernels.convert(from: inputs[0], to: target)
        return TileKernel(
            body: .unary(convert), first: inputs[0], others: inputs[0], output: target)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let source = call.inputs[0].dtype
        guard source.isFloatingPoint else { return [nil] }
        return [cotangents[0]?.asType(source)]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard target.isFloatingPoint else { return [nil] }
        return [tangents[0]?.asType(target)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension AsType {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}
