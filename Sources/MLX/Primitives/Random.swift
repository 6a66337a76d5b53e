import CKernels

/// Random bits of the threefry2x32 hash, laid out as MLX does.
///
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
struct RandomBits: Primitive {
    let name = "randomBits"
    let shape: [Int]

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[0] == Spec([2], .uint32) else {
            throw refusal("a key has shape [2] and type uint32, got \(inputs[0])")
        }
        return [Spec(shape, .uint32)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let key = inputs[0].contiguous(on: workers).address.as(UInt32.self)
        let words = outputs[0].count
        workers.forRanges(of: (words + 1) / 2, grain: 1 << 14) { range in
            ck_threefry(
                outputs[0].address.as(UInt32.self), key[0], key[1], words, range.lowerBound,
                range.count)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [nil] }
}
