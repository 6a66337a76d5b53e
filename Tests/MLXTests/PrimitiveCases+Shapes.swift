import MLX

/// The rows of strided views and of products of picked matrices.
extension PrimitiveCase {
    static let strided = [
        row("AsStrided", "where elements meet", [3, 4]) {
            asStrided($0[0], [2, 3, 2], strides: [3, 1, 2], offset: 1)
        },
        row("AsStrided", "backwards", [3, 4]) {
            asStrided($0[0], [4, 3], strides: [-1, -4], offset: 11)
        },
        row("StridedSum", "where elements meet", [2, 3, 2], large: [40, 50, 60]) { inputs in
            let shape = inputs[0].shape
            let target = [shape[0] + shape[1], shape[2]]
            return pulledBack(inputs[0], shape: target) {
                asStrided($0, shape, strides: [shape[2], shape[2], 1])
            }
        },
        row("Diagonal", "above the main one", [3, 4], large: [500, 300]) {
            diagonal($0[0], offset: 1) * 2
        },
        row("Diagonal", "below the main one of several matrices", [2, 4, 3]) {
            diagonal($0[0], offset: -1, axis1: -1, axis2: 0)
        },
        row("Contiguous", "of a turned array", [2, 3, 4], large: [500, 300]) {
            contiguous($0[0].T)
        },
        row("Contiguous", "in column-major order", [2, 3, 4]) {
            contiguous($0[0].T, allowColMajor: true) * 2
        },
        row("Depends", "on another array", [2, 3]) {
            depends(input: $0[0] * 2, dependencies: [$0[0] + 1])
        },
        PrimitiveCase(
            primitive: "Reinterpret", aspect: "of integers",
            inputs: [Input(shape: [3, 4], content: .integers(-100...100))],
            large: [Input(shape: [300, 400], content: .integers(-100...100))],
            isElementwise: false, step: nil
        ) { view(view($0[0], dtype: .uint16) + 1, dtype: .int64) },
    ]

    static let grouped = [
        row("GatherMM", "with matrices named twice", [3, 2, 3], [2, 3, 2], large: largePairs) {
            gatherMM(
                $0[0], $0[1], lhsIndices: MLXArray([1, 0, -2, 2]),
                rhsIndices: MLXArray([0, 1, 1, 0]))
        },
        row("GatherOuter", "with one matrix not named", [3, 2, 3], [4, 2, 2]) { inputs in
            pulledBack(inputs[1], shape: [3, 3, 2]) {
                gatherMM(
                    inputs[0], $0, lhsIndices: MLXArray([1, 0, 1, 2]),
                    rhsIndices: MLXArray([0, 2, 2, 0]))
            }
        },
        row("SegmentedMM", "that overlap", [2, 5], [5, 3], large: largeFactors) {
            segmentedMM($0[0], $0[1], segments: MLXArray([0, 2, 1, 5, 3, 3], [3, 2]))
        },
        row("SegmentedSpread", "that overlap", [3, 2, 3], [5, 3]) { inputs in
            pulledBack(inputs[0], shape: [2, 5]) {
                segmentedMM($0, inputs[1], segments: MLXArray([0, 2, 1, 5, 3, 3], [3, 2]))
            }
        },
    ]

    private static let largePairs = [[3, 40, 150], [2, 150, 170]]
    private static let largeFactors = [[60, 200], [200, 50]]

    /// A row of real inputs of some shapes.
    private static func row(
        _ primitive: String, _ aspect: String, _ shapes: [Int]..., large: [[Int]]? = nil,
        _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
    ) -> PrimitiveCase {
        func inputs(_ shapes: [[Int]]) -> [Input] {
            shapes.map { Input(shape: $0, content: .reals(-2...2, step: nil)) }
        }
        return PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: inputs(shapes),
            large: inputs(large ?? shapes), isElementwise: false, step: nil, function: function)
    }

    private static func row(
        _ primitive: String, _ aspect: String, _ shape: [Int], large: [Int],
        _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
    ) -> PrimitiveCase {
        row(primitive, aspect, shape, large: [large], function)
    }

    /// What the transpose of a linear function makes of an array.
    private static func pulledBack(
        _ array: MLXArray, shape: [Int], _ function: (MLXArray) -> MLXArray
    ) -> MLXArray {
        vjp({ [function($0[0])] }, primals: [zeros(shape, dtype: array.dtype)], cotangents: [array])
            .1[0]
    }
}
