import MLX

/// The rows of layers that go from step to step.
extension PrimitiveCase {
    /// What the gates are given, the weights, and the first states, for a batch, steps and a width.
    private static func sequence(_ batch: Int, _ steps: Int, _ width: Int) -> [Input] {
        let bound = 1 / Double(width).squareRoot()
        return [
            reals([batch, steps, 4 * width], 2), reals([4 * width, width], bound),
            reals([batch, width], 1), reals([batch, width], 1),
        ]
    }

    /// The same of gated units, with what is added to the new gate's product.
    private static func gated(_ batch: Int, _ steps: Int, _ width: Int) -> [Input] {
        let bound = 1 / Double(width).squareRoot()
        return [
            reals([batch, steps, 3 * width], 2), reals([width], 1),
            reals([3 * width, width], bound), reals([batch, width], 1),
        ]
    }

    private static func reals(_ shape: [Int], _ bound: Double) -> Input {
        Input(shape: shape, content: .reals(-bound...bound, step: nil))
    }

    private static func states(_ inputs: [MLXArray]) -> [MLXArray] {
        let (hidden, cell) = longShortTermMemory(
            inputs[0], inputs[1], hidden: inputs[2], cell: inputs[3])
        return [hidden, cell]
    }

    private static func gatedStates(_ inputs: [MLXArray]) -> [MLXArray] {
        [gatedRecurrentUnit(inputs[0], inputs[2], bias: inputs[1], hidden: inputs[3])]
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
        PrimitiveCase(
            primitive: "GatedRecurrentUnit", aspect: "", inputs: gated(2, 2, 3),
            large: gated(40, 3, 64), isElementwise: false, step: nil
        ) { gatedStates($0)[0] },
        PrimitiveCase(
            primitive: "GatedRecurrentUnitGradient", aspect: "", inputs: gated(2, 2, 3),
            large: gated(40, 3, 64), isElementwise: false, step: nil
        ) { inputs in
            let gradients = vjp(
                gatedStates, primals: inputs, cotangents: gatedStates(inputs).map { $0 + 0.5 })
            return concatenated(gradients.1.map { flattened($0) })
        },
    ]
}
