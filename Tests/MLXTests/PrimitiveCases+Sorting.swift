import MLX

private typealias Input = PrimitiveCase.Input

private func reals(_ range: ClosedRange<Double>, _ shape: [Int]) -> Input {
    Input(shape: shape, content: .reals(range, step: nil))
}

private func row(
    _ primitive: String, _ aspect: String, _ inputs: [Input], large: [Input]? = nil,
    _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
) -> PrimitiveCase {
    PrimitiveCase(
        primitive: primitive, aspect: aspect, inputs: inputs, large: large ?? inputs,
        isElementwise: false, step: nil, function: function)
}

private let block = [reals(-2...2, [2, 3, 4])]
private let tall = [reals(-2...2, [500, 300])]
private let factors = [reals(0.5...1.5, [2, 3, 4])]

extension PrimitiveCase {
    static let sortings = [
        row("Sort", "along the last axis", block, large: tall) { sorted($0[0], axis: -1) },
        row("Sort", "along another axis", block, large: tall) { sorted($0[0], axis: 0) },
        row("Sort", "of all", [reals(-2...2, [5, 70])], large: tall) { sorted($0[0]) },
        row("ArgSort", "along the last axis", block, large: tall) { argSort($0[0], axis: -1) },
        row("ArgSort", "along another axis", block, large: tall) { argSort($0[0], axis: 1) },
        row("Partition", "in the middle", block, large: tall) {
            partitioned($0[0], kth: 1, axis: 1)
        },
        row("Partition", "for the largest", [reals(-2...2, [2, 70])], large: tall) {
            top($0[0], k: 3, axis: -1)
        },
        row("ArgPartition", "in the middle", block, large: tall) {
            argPartition($0[0], kth: -2, axis: -1)
        },
        row("SearchSorted", "for draws", [reals(-2...2, [9])], large: [reals(-2...2, [3000])]) {
            MLXRandom.categorical($0[0], shape: [5000], key: MLXRandom.key(4))
        },
    ]

    static let scans = [
        row("CumSum", "along the last axis", block, large: tall) { cumsum($0[0], axis: -1) },
        row("CumSum", "from the end", block, large: tall) {
            cumsum($0[0], axis: 0, reverse: true, inclusive: false)
        },
        row("CumProd", "along the last axis", factors) { cumprod($0[0], axis: -1) },
        row("CumProd", "from the end", factors) {
            cumprod($0[0], axis: 1, reverse: true, inclusive: false)
        },
        row("CumProd", "beside zeros", factors) {
            cumprod(concatenated([$0[0], $0[0] - $0[0], $0[0]], axis: 1), axis: 1)
        },
        row("CumMax", "along the last axis", block, large: tall) { cummax($0[0], axis: -1) },
        row("CumMax", "from the end", block, large: tall) {
            cummax($0[0], axis: 0, reverse: true)
        },
        row("CumMin", "along another axis", block, large: tall) { cummin($0[0], axis: 1) },
        row("CumMin", "from the end", block, large: tall) {
            cummin($0[0], axis: -1, reverse: true)
        },
        row("LogCumsumExp", "along the last axis", block, large: tall) {
            logCumsumExp($0[0], axis: -1)
        },
        row("LogCumsumExp", "from the end", block, large: tall) {
            logCumsumExp($0[0], axis: 1, reverse: true)
        },
        row("Recurrence", "from the end", factors + factors) {
            vjp({ [cumprod($0[0], axis: 1)] }, primals: [$0[0]], cotangents: [$0[1]]).1[0]
        },
        row("Recurrence", "from the start", factors + factors) {
            vjp(
                { [cumprod($0[0], axis: -1, reverse: true)] }, primals: [$0[0]], cotangents: [$0[1]]
            )
            .1[0]
        },
    ]
}
