import MLX
import TestSupport

extension PrimitiveCase {
    static let scattering =
        [
            scatter("that overwrites, where places meet") { array, indices, updates in
                array[indices] = updates
                return array
            },
            scatter("that adds") { $0.at[$1].add($2) },
            scatter("that multiplies") { $0.at[$1].multiply($2) },
            scatter("that keeps the smallest") { $0.at[$1].minimum($2) },
            scatter("that keeps the largest") { $0.at[$1].maximum($2) },
            scattering("along an inner axis", [3, 4, 2], [3, 5, 2]) { array, updates in
                array[0..., MLXArray([2, 0, 0, -1, 3])] = updates
                return array
            },
            scattering("into a slice", [4, 5, 2], [3, 2]) { array, updates in
                array.at[MLXArray([2, 0, 2]), 1...3, 1].add(updates[0..., .newAxis, 0])
            },
        ] + [
            scattering("by steps", [5, 4], [2, 2], of: "SliceUpdate") { array, updates in
                array[.stride(from: 3, by: -2), 1...2] = updates
                return array
            },
            scattering("by a broadcast row", [5, 4, 3], [3], of: "SliceUpdate") { array, updates in
                array[1...2, 3] = updates
                return array
            },
            scattering("along an axis", [4, 3, 2], [4, 5, 2], of: "PutAlong") { array, updates in
                let places = MLXArray([2, 0, 0, -1, 1], [1, 5, 1])
                return putAlong(array, places, values: updates, axis: 1)
            },
            PrimitiveCase(
                primitive: "JoinIndices", aspect: "of two axes", inputs: indices(40),
                large: indices(50_021), isElementwise: true, step: nil
            ) { inputs in
                arange(12).reshaped([3, 4])[inputs[0], inputs[1]]
            },
        ]

    private static func indices(_ count: Int) -> [Input] {
        [
            Input(shape: [count], content: .integers(-3...2)),
            Input(shape: [count], content: .integers(-4...3)),
        ]
    }

    private static func scatter(
        _ aspect: String,
        _ function: @escaping @Sendable (MLXArray, MLXArray, MLXArray) -> MLXArray
    ) -> PrimitiveCase {
        scattering(aspect, [4, 3], [5, 3]) { function($0, MLXArray([2, 0, 0, -1, 2]), $1) }
    }

    private static func scattering(
        _ aspect: String, _ shape: [Int], _ updates: [Int], of primitive: String = "Scatter",
        _ function: @escaping @Sendable (MLXArray, MLXArray) -> MLXArray
    ) -> PrimitiveCase {
        let inputs = [shape, updates].map {
            Input(shape: $0, content: .reals(0.5...2, step: nil))
        }
        return PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: inputs, large: inputs,
            isElementwise: false, step: nil
        ) { inputs in
            // A handle of its own, so that the row's input stays as it is.
            function(inputs[0] + 0, inputs[1])
        }
    }
}
