import MLX

extension GoldenOperations {
    private struct Reduction: Sendable {
        let name: String
        let along: @Sendable (MLXArray, [Int], Bool) -> MLXArray
        let all: @Sendable (MLXArray) -> MLXArray
    }

    private static let reducers = [
        Reduction(name: "sum") {
            sum($0, axes: $1, keepDims: $2)
        } all: {
            sum($0)
        },
        Reduction(name: "product") {
            product($0, axes: $1, keepDims: $2)
        } all: {
            product($0)
        },
        Reduction(name: "mean") {
            mean($0, axes: $1, keepDims: $2)
        } all: {
            mean($0)
        },
        Reduction(name: "max") {
            max($0, axes: $1, keepDims: $2)
        } all: {
            max($0)
        },
        Reduction(name: "min") {
            min($0, axes: $1, keepDims: $2)
        } all: {
            min($0)
        },
        Reduction(name: "variance") {
            variance($0, axes: $1, keepDims: $2)
        } all: {
            variance($0)
        },
        Reduction(name: "std") {
            std($0, axes: $1, keepDims: $2)
        } all: {
            std($0)
        },
        Reduction(name: "all") {
            all($0, axes: $1, keepDims: $2)
        } all: {
            all($0)
        },
        Reduction(name: "any") {
            any($0, axes: $1, keepDims: $2)
        } all: {
            any($0)
        },
        Reduction(name: "logSumExp") {
            logSumExp($0, axes: $1, keepDims: $2)
        } all: {
            logSumExp($0)
        },
        Reduction(name: "median") {
            median($0, axes: $1, keepDims: $2)
        } all: {
            median($0)
        },
    ]

    static let reductions: Unary = {
        var table: Unary = [
            "variance(axis: 1, ddof: 1)": { variance($0, axis: 1, ddof: 1) },
            "std(axis: 1, ddof: 1)": { std($0, axis: 1, ddof: 1) },
            "argMax(axis: 1)": { argMax($0, axis: 1) }, "argMax()": { argMax($0) },
            "argMax(axis: -1, keepDims: true)": { argMax($0, axis: -1, keepDims: true) },
            "argMin(axis: 1)": { argMin($0, axis: 1) }, "argMin()": { argMin($0) },
            "argMin(axis: -1, keepDims: true)": { argMin($0, axis: -1, keepDims: true) },
            "softmax(axis: 0)": { softmax($0, axis: 0) },
            "softmax(axis: 1)": { softmax($0, axis: 1) },
            "softmax(axes: [0, -1])": { softmax($0, axes: [0, -1]) },
            "softmax()": { softmax($0) },
            "softmax(axis: -1, precise: true)": { softmax($0, axis: -1, precise: true) },
        ]
        for reducer in reducers {
            table["\(reducer.name)(axis: 1)"] = { reducer.along($0, [1], false) }
            table["\(reducer.name)(axis: -1, keepDims: true)"] = { reducer.along($0, [-1], true) }
            table["\(reducer.name)(axes: [0, -1])"] = { reducer.along($0, [0, -1], false) }
            table["\(reducer.name)()"] = { reducer.all($0) }
        }
        return table
    }()

    private struct Scan: Sendable {
        let name: String
        let along: @Sendable (MLXArray, Int, Bool, Bool) -> MLXArray
        let all: @Sendable (MLXArray) -> MLXArray
    }

    private static let scanners = [
        Scan(name: "cumsum") {
            cumsum($0, axis: $1, reverse: $2, inclusive: $3)
        } all: {
            cumsum($0)
        },
        Scan(name: "cumprod") {
            cumprod($0, axis: $1, reverse: $2, inclusive: $3)
        } all: {
            cumprod($0)
        },
        Scan(name: "cummax") {
            cummax($0, axis: $1, reverse: $2, inclusive: $3)
        } all: {
            cummax($0)
        },
        Scan(name: "cummin") {
            cummin($0, axis: $1, reverse: $2, inclusive: $3)
        } all: {
            cummin($0)
        },
        Scan(name: "logCumsumExp") {
            logCumsumExp($0, axis: $1, reverse: $2, inclusive: $3)
        } all: {
            logCumsumExp($0)
        },
    ]

    static let scans: Unary = {
        var table: Unary = [:]
        let variants = [
            (1, false, true), (0, true, true), (-1, false, false), (1, true, false),
        ]
        for scanner in scanners {
            for (axis, reverse, inclusive) in variants {
                let call = "(axis: \(axis), reverse: \(reverse), inclusive: \(inclusive))"
                table[scanner.name + call] = { scanner.along($0, axis, reverse, inclusive) }
            }
            table[scanner.name + "()"] = { scanner.all($0) }
        }
        return table
    }()

    /// Of a partition only the element at the place that is asked for has a defined value.
    static let sortings: Unary = [
        "sorted(axis: 1)": { sorted($0, axis: 1) }, "sorted(axis: 0)": { sorted($0, axis: 0) },
        "sorted()": { sorted($0) }, "argSort(axis: 1)": { argSort($0, axis: 1) },
        "argSort()": { argSort($0) },
        "partitioned(kth: 2, axis: 0)": { partitioned($0, kth: 2, axis: 0)[2..<3] },
        "argPartition(kth: 2, axis: 0)": {
            takeAlong($0, argPartition($0, kth: 2, axis: 0), axis: 0)[2..<3]
        },
        "top(k: 2, axis: 0)": { sorted(top($0, k: 2, axis: 0), axis: 0) },
    ]
}
