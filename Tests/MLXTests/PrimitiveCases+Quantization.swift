import MLX

extension PrimitiveCase {
    private static func reals(_ shape: [Int]) -> Input {
        Input(shape: shape, content: .reals(-1...1, step: nil))
    }

    /// Random codes, as int32 that become words.
    private static func words(_ shape: [Int]) -> Input {
        Input(shape: shape, content: .integers(0...Int(Int32.max)))
    }

    private static func row(
        _ primitive: String, _ aspect: String, _ inputs: [Input], large: [Input],
        isElementwise: Bool = false, _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
    ) -> PrimitiveCase {
        PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: inputs, large: large,
            isElementwise: isElementwise, step: nil, function: function)
    }

    /// Inputs x, words, scales and biases; the last three of a matrix of rows of 32 elements each.
    private static func product(
        _ x: [Int], _ rows: [Int], groups: Int = 1, bits: Int
    ) -> [Input] {
        let scales = reals(rows + [groups])
        return [reals(x), words(rows + [groups * bits]), scales, scales]
    }

    private static func multiplied(
        _ inputs: [MLXArray], bits: Int, transpose: Bool
    ) -> MLXArray {
        quantizedMM(
            inputs[0], inputs[1].asType(.uint32), scales: inputs[2], biases: inputs[3],
            transpose: transpose, groupSize: 32, bits: bits)
    }

    private static func gathered(_ inputs: [MLXArray], transpose: Bool) -> MLXArray {
        gatherQuantizedMM(
            inputs[0], inputs[1].asType(.uint32), scales: inputs[2], biases: inputs[3],
            lhsIndices: MLXArray([0, 1, -1, 1]), rhsIndices: MLXArray([1, 0, 1, 1]),
            transpose: transpose, groupSize: 32, bits: 4)
    }

    static let quantization = [
        row("Quantize", "to whole numbers", [reals([2, 64])], large: [reals([300, 256])]) {
            quantized($0[0], groupSize: 32, bits: 4).wq
        },
        row("Quantize", "to floats", [reals([2, 3, 32])], large: [reals([300, 256])]) {
            quantized($0[0], mode: .nvfp4, globalScale: MLXArray(2 as Float)).wq
        },
        row(
            "Dequantize", "whole numbers", [words([2, 6]), reals([2, 2]), reals([2, 2])],
            large: [words([600, 24]), reals([600, 8]), reals([600, 8])]
        ) {
            dequantized(
                $0[0].asType(.uint32), scales: $0[1], biases: $0[2], groupSize: 32, bits: 3)
        },
        row("Dequantize", "floats", [words([2, 4])], large: [words([600, 128])]) { inputs in
            let scales = inputs[0][.ellipsis, .stride(by: 4)] % 16 + 120
            return dequantized(
                inputs[0].asType(.uint32), scales: scales.asType(.uint8), biases: nil,
                mode: .mxfp4, dtype: .float64)
        },
        row(
            "QuantizedMM", "transposed, of few rows", product([2, 32], [3], bits: 4),
            large: product([3, 1056], [700], groups: 33, bits: 4)
        ) { multiplied($0, bits: 4, transpose: true) },
        row(
            "QuantizedMM", "transposed, of batches", product([2, 2, 32], [2, 3], bits: 5),
            large: product([2, 40, 640], [2, 300], groups: 20, bits: 5)
        ) { multiplied($0, bits: 5, transpose: true) },
        row(
            "QuantizedMM", "as it is", product([3, 2], [2], bits: 2),
            large: product([30, 600], [600], groups: 17, bits: 2)
        ) { multiplied($0, bits: 2, transpose: false) },
        row(
            "GatherQuantizedMM", "transposed", product([2, 1, 32], [2, 3], bits: 4),
            large: product([2, 9, 320], [2, 300], groups: 10, bits: 4)
        ) { gathered($0, transpose: true) },
        row(
            "GatherQuantizedMM", "as it is", product([2, 2, 2], [2, 2], bits: 4),
            large: product([2, 2, 300], [2, 300], groups: 10, bits: 4)
        ) { gathered($0, transpose: false) },
        row("ToFP8", "", [reals([3, 4])], large: [reals([200_003])], isElementwise: true) {
            toFP8($0[0])
        },
        row(
            "FromFP8", "", [Input(shape: [3, 4], content: .integers(0...255))],
            large: [Input(shape: [200_003], content: .integers(0...255))], isElementwise: true
        ) { fromFP8($0[0].asType(.uint8), dtype: .float64) },
    ]
}
