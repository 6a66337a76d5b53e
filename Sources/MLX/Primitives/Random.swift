import CKernels

/// Random bits of the threefry2x32 hash, laid out as MLX does.
///
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
struct RandomBits: Portable {
    var name: String { "randomBits" }
    let shape: [Int]

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[0].dtype == .uint32, inputs[0].shape.last == 2 else {
            throw refusal("a key has shape [2] and type uint32, got \(inputs[0])")
        }
        return [Spec(inputs[0].shape.dropLast() + shape, .uint32)]
    }

    /// Each key's numbers are those that it gives alone.
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let ofKeys = inputs[0].contiguous(on: workers)
        let keys = ofKeys.address.as(UInt32.self)
        let target = outputs[0].address.as(UInt32.self)
        let words = shape.reduce(1, *)
        let pairs = (words + 1) / 2
        let grain = 1 << 14
        let pieces = (pairs + grain - 1) / grain
        workers.run(inputs[0].count / 2 * pieces) { task in
            let (key, piece) = task.quotientAndRemainder(dividingBy: pieces)
            let first = piece * grain
            ck_threefry(
                target + key * words, keys[2 * key], keys[2 * key + 1], words, first,
                min(grain, pairs - first))
        }
        withExtendedLifetime(ofKeys) {}
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension RandomBits {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 && Spec.isShape(shape) }
}
