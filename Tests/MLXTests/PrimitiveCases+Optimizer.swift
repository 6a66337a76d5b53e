import MLX

extension PrimitiveCase {
    private static func reals(_ range: ClosedRange<Double>, _ shape: [Int]) -> Input {
        Input(shape: shape, content: .reals(range, step: nil))
    }

    /// A step on a parameter with its gradient and states of the given ranges, at a learning rate.
    private static func row(
        _ primitive: String, _ aspect: String = "", gradient: ClosedRange<Double> = -1...1,
        _ states: [ClosedRange<Double>] = [], isNumbered: Bool = false,
        _ function: @escaping @Sendable ([MLXArray]) -> [MLXArray]
    ) -> PrimitiveCase {
        func inputs(_ shape: [Int]) -> [Input] {
            let arrays = ([-1...1, gradient] + states).map { reals($0, shape) }
            let number = Input(shape: [], content: .integers(2...5))
            return arrays + [reals(0.05...0.2, [])] + (isNumbered ? [number] : [])
        }
        return PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: inputs([3, 4]), large: inputs([200_003]),
            isElementwise: false, step: nil
        ) { concatenated(function($0).map { flattened($0) }, axis: 0) }
    }

    private static func momentum(_ x: [MLXArray], nesterov: Bool) -> [MLXArray] {
        let (p, v) = OptimizerOps.momentum(
            x[0], x[1], x[2], rate: x[3], decay: 0.1, momentum: 0.9,
            dampening: nesterov ? 0 : 0.3, nesterov: nesterov)
        return [p, v]
    }

    private static func rms(_ x: [MLXArray], kept: Float, share: Float) -> [MLXArray] {
        let (p, v) = OptimizerOps.rootMeanSquare(
            x[0], x[1], x[2], rate: x[3], kept: kept, share: share, eps: 0.1)
        return [p, v]
    }

    private static func adam(_ x: [MLXArray], decay: Float) -> [MLXArray] {
        let (p, m, v) = OptimizerOps.adam(
            x[0], x[1], x[2], x[3], rate: x[4], step: x.count > 5 ? x[5] : nil,
            betas: (0.8, 0.9), eps: 0.1, decay: decay)
        return [p, m, v]
    }

    static let optimizers = [
        row("DescentStep") { [OptimizerOps.descent($0[0], $0[1], rate: $0[2], decay: 0)] },
        row("DescentStep", "with decay") {
            [OptimizerOps.descent($0[0], $0[1], rate: $0[2], decay: 0.3)]
        },
        row("MomentumStep", "with dampening", [-1...1]) { momentum($0, nesterov: false) },
        row("MomentumStep", "of Nesterov", [-1...1]) { momentum($0, nesterov: true) },
        row("RootMeanSquareStep", "of a mean", [0.5...1]) { rms($0, kept: 0.9, share: 0.1) },
        row("RootMeanSquareStep", "of a sum", [0.5...1]) { rms($0, kept: 1, share: 1) },
        row("AdaDeltaStep", "", [0.5...1, 0.5...1]) {
            let (p, v, u) = OptimizerOps.adaDelta(
                $0[0], $0[1], $0[2], $0[3], rate: $0[4], rho: 0.9, eps: 0.1)
            return [p, v, u]
        },
        row("AdamStep", "", [-1...1, 0.5...1]) { adam($0, decay: 0) },
        row("AdamStep", "with decay", [-1...1, 0.5...1]) { adam($0, decay: 0.3) },
        row("AdamStep", "with corrected means", [-1...1, 0.5...1], isNumbered: true) {
            adam($0, decay: 0.3)
        },
        row("AdamaxStep", "", gradient: -0.5...0.5, [-1...1, 1...2]) {
            let (p, m, v) = OptimizerOps.adamax(
                $0[0], $0[1], $0[2], $0[3], rate: $0[4], betas: (0.8, 0.9), eps: 0.1)
            return [p, m, v]
        },
        // Away from 0, where the sign has no slope.
        row("LionStep", "", gradient: 0.5...1, [0.5...1]) {
            let (p, m) = OptimizerOps.lion(
                $0[0], $0[1], $0[2], rate: $0[3], betas: (0.8, 0.9), decay: 0.3)
            return [p, m]
        },
    ]
}
