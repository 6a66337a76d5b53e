import MLX

extension VmapPair {
    /// At least one pair of each family of primitives, and the cheapest calls on rows that are so
    /// short that what `vmap` itself takes shows most.
    static var all: [VmapPair] {
        elementwise([width]) + rows + shapes + lookups + products + others
            + elementwise([16], "rows of 16") + elementwise([], "one number a row")
    }

    private static let width = 64

    private static func elementwise(_ row: [Int], _ note: String? = nil) -> [VmapPair] {
        func named(_ name: String) -> String { note.map { "\(name), \($0)" } ?? name }
        return [
            VmapPair(named("exp"), [row]) {
                exp($0[0])
            } batch: {
                exp($0[0])
            },
            VmapPair(named("add"), [row, row]) {
                $0[0] + $0[1]
            } batch: {
                $0[0] + $0[1]
            },
            VmapPair(named("multiply by a number"), [row]) {
                $0[0] * 2
            } batch: {
                $0[0] * 2
            },
            VmapPair(named("less"), [row, row]) {
                $0[0] .< $0[1]
            } batch: {
                $0[0] .< $0[1]
            },
            VmapPair(named("which"), [row, row]) {
                which($0[0] .> 0, $0[0], $0[1])
            } batch: {
                which($0[0] .> 0, $0[0], $0[1])
            },
            VmapPair(named("asType"), [row]) {
                $0[0].asType(.bfloat16)
            } batch: {
                $0[0].asType(.bfloat16)
            },
            VmapPair(named("tanh(x) * 2 + 1"), [row]) {
                tanh($0[0]) * 2 + 1
            } batch: {
                tanh($0[0]) * 2 + 1
            },
        ]
    }

    private static var rows: [VmapPair] {
        [
            VmapPair("sum", [[width]]) {
                $0[0].sum()
            } batch: {
                $0[0].sum(axis: 1)
            },
            VmapPair("max", [[width]]) {
                $0[0].max()
            } batch: {
                $0[0].max(axis: 1)
            },
            VmapPair("argMax", [[width]]) {
                argMax($0[0])
            } batch: {
                argMax($0[0], axis: 1)
            },
            VmapPair("mean and variance", [[width]]) {
                $0[0].mean() + $0[0].variance()
            } batch: {
                $0[0].mean(axis: 1) + $0[0].variance(axis: 1)
            },
            VmapPair("softmax", [[width]]) {
                softmax($0[0], axis: 0)
            } batch: {
                softmax($0[0], axis: 1)
            },
            VmapPair("logSumExp", [[width]]) {
                logSumExp($0[0], axis: 0)
            } batch: {
                logSumExp($0[0], axis: 1)
            },
            VmapPair("cumsum", [[width]]) {
                cumsum($0[0], axis: 0)
            } batch: {
                cumsum($0[0], axis: 1)
            },
            VmapPair("sorted", [[width]]) {
                sorted($0[0], axis: 0)
            } batch: {
                sorted($0[0], axis: 1)
            },
            VmapPair("argSort", [[width]]) {
                argSort($0[0], axis: 0)
            } batch: {
                argSort($0[0], axis: 1)
            },
            VmapPair("partitioned", [[width]]) {
                partitioned($0[0], kth: 8, axis: 0)
            } batch: {
                partitioned($0[0], kth: 8, axis: 1)
            },
            VmapPair("rmsNorm", [[8, width]]) {
                MLXFast.rmsNorm($0[0], weight: ones([width]), eps: 1e-5)
            } batch: {
                MLXFast.rmsNorm($0[0], weight: ones([width]), eps: 1e-5)
            },
            VmapPair("fft", [[width]]) {
                MLXFFT.rfft($0[0])
            } batch: {
                MLXFFT.rfft($0[0])
            },
        ]
    }

    private static var shapes: [VmapPair] {
        [
            VmapPair("reshaped", [[8, 8]]) {
                $0[0].reshaped([16, 4]) + 1
            } batch: {
                $0[0].reshaped([1000, 16, 4]) + 1
            },
            VmapPair("transposed", [[8, 8]]) {
                $0[0].T + 1
            } batch: {
                $0[0].transposed(0, 2, 1) + 1
            },
            VmapPair("broadcast", [[1, width]]) {
                broadcast($0[0], to: [8, width]) + 1
            } batch: {
                broadcast($0[0], to: [1000, 8, width]) + 1
            },
            VmapPair("slice", [[width]]) {
                $0[0][8..<40] + 1
            } batch: {
                $0[0][0..., 8..<40] + 1
            },
            VmapPair("concatenated", [[width], [width]]) {
                concatenated([$0[0], $0[1]], axis: 0)
            } batch: {
                concatenated([$0[0], $0[1]], axis: 1)
            },
            VmapPair("padded", [[width]]) {
                padded($0[0], width: 3)
            } batch: {
                padded($0[0], widths: [0, 3])
            },
        ]
    }

    private static var lookups: [VmapPair] {
        let places = MLXArray((0..<32).map { Int32($0 * 7 % 64) })
        return [
            VmapPair("take", [[width]]) {
                take($0[0], places, axis: 0)
            } batch: {
                take($0[0], places, axis: 1)
            },
            VmapPair("takeAlong", [[width]]) {
                takeAlong($0[0], argSort($0[0], axis: 0), axis: 0)
            } batch: {
                takeAlong($0[0], argSort($0[0], axis: 1), axis: 1)
            },
            VmapPair("assignment to a slice", [[width], [16]]) { arrays in
                let x = arrays[0] + 0
                x[8..<24] = arrays[1]
                return x
            } batch: { arrays in
                let x = arrays[0] + 0
                x[0..., 8..<24] = arrays[1]
                return x
            },
        ]
    }

    private static var products: [VmapPair] {
        [
            VmapPair("matrix by vector", [[16, 16], [16]]) {
                matmul($0[0], $0[1])
            } batch: {
                matmul($0[0], $0[1].expandedDimensions(axis: -1)).squeezed(axis: -1)
            },
            VmapPair("matrix by matrix", [[16, 16], [16, 16]]) {
                matmul($0[0], $0[1])
            } batch: {
                matmul($0[0], $0[1])
            },
            VmapPair("attention", [[2, 8, 16], [2, 8, 16]]) { arrays in
                let (q, k) = (arrays[0][.newAxis], arrays[1][.newAxis])
                return MLXFast.scaledDotProductAttention(
                    queries: q, keys: k, values: k, scale: 0.25, mask: .none)[0]
            } batch: {
                MLXFast.scaledDotProductAttention(
                    queries: $0[0], keys: $0[1], values: $0[1], scale: 0.25, mask: .none)
            },
            VmapPair("convolution", [[8, 8, 4]]) { arrays in
                conv2d(arrays[0][.newAxis], ones([4, 3, 3, 4]))[0]
            } batch: {
                conv2d($0[0], ones([4, 3, 3, 4]))
            },
        ]
    }

    private static var others: [VmapPair] {
        [
            VmapPair("gradient of a sum of squares", [[width]]) {
                grad { (x: MLXArray) in square(x).sum() }($0[0])
            } batch: {
                grad { (x: MLXArray) in square(x).sum() }($0[0])
            },
            VmapPair("cholesky", [[8, 8]], isExempt: true) { arrays in
                cholesky(matmul(arrays[0], arrays[0].T) + eye(8) * 8)
            } batch: { arrays in
                cholesky(matmul(arrays[0], arrays[0].transposed(0, 2, 1)) + eye(8) * 8)
            },
        ]
    }
}
