import CKernels

/// Complex numbers with the opposite imaginary part.
struct Conjugate: Portable {
    var name: String { "conjugate" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[0].dtype == .complex64 else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        return inputs
    }

    func kernel(_ inputs: Few<DType>) -> TileKernel? {
        guard let kernel = ck_conjugate(inputs[0].code) else { return nil }
        return TileKernel(
            body: .unary(kernel), first: .complex64, others: .complex64, output: .complex64)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { conjugate($0) }]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { vjp(call, tangents) }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The imaginary part of complex numbers as float32.
struct ImaginaryPart: Portable {
    var name: String { "imaginaryPart" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[0].dtype == .complex64 else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        return [Spec(inputs[0].shape, .float32)]
    }

    func kernel(_ inputs: Few<DType>) -> TileKernel? {
        guard let kernel = ck_imaginary(inputs[0].code) else { return nil }
        return TileKernel(
            body: .unary(kernel), first: .complex64, others: .complex64, output: .float32)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { $0.asImaginary() }]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { $0.imaginaryPart() }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension Conjugate {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}

extension ImaginaryPart {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}
