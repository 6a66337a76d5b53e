import MLX

/// The rows of layers that go from step to step.
extension PrimitiveCase {
    /// What the gates are given, the weights, and the first states, for a batch, steps and a width.
    private static func sequence(_ batch: Int, _ steps: Int, _ width: Int) -> [Input] {
        let bound = 1 / Double(width).squareRoot()
        func reals(_ shape: [Int], _ bound: Double) -> Input {
            Input(shape: shape, content: .reals(-bound...bound, step: nil))
        }
        return [
            reals([batch, steps, 4 * width], 2), reals([4 * width, width], bound),
            reals([batch, width], 1), reals([batch, width], 1),
        ]
    }

    private static func states(_ inputs: [MLXArray]) -> [MLXArray] {
        let (hidden, cell) = longShortTermMemory(
            inputs[0], inputs[1], hidden: inputs[2], cell: inputs[3])
        return [hidden, cell]
    }

    static let recurrent = [
        PrimitiveCase(
            primitive: "LongShortTermMemory", aspect: "", inputs: sequence(2, 2, 3),
            large: sequence(40, 3, 64), isElementwise: false, step: nil
        ) { stacked(states($0)) },
        PrimitiveCase(
            primitive: "LongShortTermMemoryGradient", aspect: "", inputs: sequence(2, 2, 3),
            large: sequence(40, 3, 64), isElementwise: false, step: nil
        ) { inputs in
            let gradients = vjp(
                states, primals: inputs, cotangents: states(inputs).map { $0 + 0.5 })
            return concatenated([0, 2, 3].map { flattened(gradients.1[$0]) })
        },
    ]
}
