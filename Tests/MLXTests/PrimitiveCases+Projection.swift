import MLX

extension PrimitiveCase {
    private static func reals(_ shape: [Int]) -> Input {
        Input(shape: shape, content: .reals(-1...1, step: nil))
    }

    /// Words, scales and biases of a matrix of so many rows and groups of 32.
    private static func packed(_ rows: Int, _ groups: Int, bits: Int) -> [Input] {
        let words = Input(shape: [rows, groups * bits], content: .integers(0...Int(Int32.max)))
        return [words, reals([rows, groups]), reals([rows, groups])]
    }

    private static func layer(
        _ arrays: ArraySlice<MLXArray>, bits: Int, bias: MLXArray? = nil
    ) -> ProjectedLayer {
        let parts = Array(arrays)
        return ProjectedLayer(
            words: parts[0].asType(.uint32), scales: parts[1], biases: parts[2], groupSize: 32,
            bits: bits, mode: .affine, bias: bias)
    }

    private static func row(
        _ primitive: String, _ aspect: String, _ inputs: [Input], large: [Input],
        _ function: @escaping @Sendable ([MLXArray]) -> [MLXArray]
    ) -> PrimitiveCase {
        PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: inputs, large: large,
            isElementwise: false, step: nil
        ) { concatenated(function($0).map { flattened($0) }, axis: 0) }
    }

    /// Inputs of a step: one token of each sequence, what is cached, and angles.
    private static func token(_ batch: Int, _ heads: Int, _ shared: Int, _ places: Int, _ size: Int)
        -> [Input]
    {
        [
            reals([batch, heads * size]), reals([batch, shared * size]),
            reals([batch, shared * 3]), reals([batch, shared, places, size]),
            reals([batch, shared, places, 3]), reals([1, size / 2]),
        ]
    }

    /// The same, and where the token stands.
    private static func placed(_ token: [Input], _ places: ClosedRange<Int>) -> [Input] {
        token + [Input(shape: [], content: .integers(places))]
    }

    private static func step(_ x: [MLXArray], position: Int) -> [MLXArray] {
        attentionStep(
            queries: x[0], keys: x[1], values: x[2], cache: (x[3], x[4]), angles: x[5],
            position: position, scale: 0.5)
    }

    static let projections = [
        row(
            "Projection", "of normalized rows by two packed matrices",
            [reals([2, 64]), reals([64])] + packed(3, 2, bits: 4) + packed(2, 2, bits: 8),
            large: [reals([3, 1056]), reals([1056])] + packed(700, 33, bits: 4)
                + packed(300, 33, bits: 8)
        ) {
            project(
                $0[0], .normalized(weight: $0[1], eps: 1e-2),
                layers: [layer($0[2..<5], bits: 4), layer($0[5..<8], bits: 8)])
        },
        row(
            "Projection", "of gated rows, with a bias and a residual",
            [reals([2, 32]), reals([2, 32])] + packed(5, 1, bits: 5) + [
                reals([5]), reals([2, 5]),
            ],
            large: [reals([40, 320]), reals([40, 320])] + packed(300, 10, bits: 5)
                + [reals([300]), reals([40, 300])]
        ) {
            project(
                $0[0], .gated($0[1]), layers: [layer($0[2..<5], bits: 5, bias: $0[5])],
                residual: $0[6])
        },
        row(
            "Projection", "by plain matrices", [reals([2, 6]), reals([3, 6]), reals([2, 6])],
            large: [reals([30, 500]), reals([300, 500]), reals([70, 500])]
        ) {
            project(
                $0[0],
                layers: $0.dropFirst().map { ProjectedLayer(weight: $0, bias: nil) })
        },
        row(
            "AttentionStep", "", token(2, 4, 2, 5, 4), large: token(2, 6, 2, 150, 20)
        ) { step($0, position: 3) },
        row(
            "AttentionStep", "in a full cache", token(1, 2, 1, 3, 4),
            large: token(1, 4, 2, 150, 64)
        ) { step($0, position: $0[3].dim(2) - 1) },
        row(
            "AttentionStep", "at a place that an input tells",
            placed(token(2, 4, 2, 5, 4), 0...4), large: placed(token(2, 6, 2, 150, 20), 100...149)
        ) {
            attentionStep(
                queries: $0[0], keys: $0[1], values: $0[2], cache: ($0[3], $0[4]), angles: $0[5],
                position: $0[6], scale: 0.5)
        },
    ]
}
