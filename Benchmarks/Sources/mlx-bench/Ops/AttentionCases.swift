import MLX

/// Causal attention: 4 sequences, 8 heads of 64, of 512 positions.
enum AttentionCases {
    static func all() -> [Case] {
        [
            forward("sdpa_causal_fwd", [4, 8, 512, 64]),
            backward("sdpa_causal_fwdbwd", [4, 8, 512, 64]),
        ]
    }

    /// Operations that count: two products, of each the half below the diagonal.
    static func flops(_ shape: [Int]) -> Int { 2 * shape.reduce(1, *) * shape[2] }

    static func forward(_ name: String, _ shape: [Int]) -> Case {
        .flops(name, flops(shape)) {
            let inputs = inputs(shape)
            return { eval(attend(inputs)) }
        }
    }

    private static func backward(_ name: String, _ shape: [Int]) -> Case {
        .flops(name, 7 * flops(shape) / 2) {
            let inputs = inputs(shape)
            return {
                let (results, gradients) = vjp(attend, primals: inputs, cotangents: [inputs[0]])
                eval(results, gradients)
            }
        }
    }

    /// Queries, keys and values.
    private static func inputs(_ shape: [Int]) -> [MLXArray] { (0..<3).map { _ in normal(shape) } }

    private static func attend(_ inputs: [MLXArray]) -> [MLXArray] {
        let scale = 1 / Float(inputs[0].dim(-1)).squareRoot()
        return [
            MLXFast.scaledDotProductAttention(
                queries: inputs[0], keys: inputs[1], values: inputs[2], scale: scale, mask: .causal)
        ]
    }
}
