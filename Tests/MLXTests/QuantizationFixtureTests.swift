import MLX
import TestSupport
import Testing

/// Codes, scales, biases and products as the PyPI package mlx has them.
@Suite("Quantized arrays of the PyPI package mlx")
struct QuantizationFixtureTests {
    private struct Weights: Decodable {
        let mode: QuantizationMode
        let group: Int
        let bits: Int
        let w: Packed
        let global: Float?
        let words: Packed
        let scales: Packed
        let biases: Packed?
        let elements: Packed
    }

    private struct Product: Decodable {
        let mode: QuantizationMode
        let group: Int
        let bits: Int
        let transpose: Bool
        let x: Packed
        let words: Packed
        let scales: Packed
        let biases: Packed?
        let left: Packed?
        let right: Packed?
        let output: Packed
        let cotangent: Packed?
        let gradients: [Packed]?
    }

    private struct Bytes: Decodable {
        let x: Packed
        let bytes: Packed
    }

    @Test("have these codes, scales and biases in every bit")
    func packing() throws {
        let cases = try Fixtures.load("quantization", as: [Weights].self)
        #expect(cases.count == 64)
        for item in cases {
            let comment: Comment = "\(item.mode), \(item.bits) bits, \(item.group), \(item.w.dtype)"
            let (words, scales, biases) = quantized(
                try item.w.array(), groupSize: item.group, bits: item.bits, mode: item.mode,
                globalScale: item.global.map { MLXArray($0) })
            #expect(bitDifference(words, try item.words.array()) == nil, comment)
            #expect(bitDifference(scales, try item.scales.array()) == nil, comment)
            #expect((biases == nil) == (item.biases == nil))
            guard let biases, let expected = try item.biases?.array() else { continue }
            #expect(bitDifference(biases, expected) == nil, comment)
        }
    }

    @Test("stand for these elements")
    func elements() throws {
        for item in try Fixtures.load("quantization", as: [Weights].self) {
            let expected = try item.elements.array()
            let found = dequantized(
                try item.words.array(), scales: try item.scales.array(),
                biases: try item.biases?.array(), groupSize: item.group, bits: item.bits,
                mode: item.mode, globalScale: item.global.map { MLXArray($0) },
                dtype: expected.dtype)
            #expect(
                difference(found, expected) == nil,
                "\(item.mode), \(item.bits) bits, \(item.group), \(item.w.dtype)")
        }
    }

    @Test("have these products, and these gradients by x, scales and biases")
    func products() throws {
        let cases = try Fixtures.load("quantization_products", as: [Product].self)
        #expect(cases.count == 57)
        for item in cases {
            let comment: Comment =
                "\(item.mode), \(item.bits) bits, \(item.group), transpose \(item.transpose), \(item.x.dtype)\(item.x.shape)"
            let words = try item.words.array()
            let scales = try item.scales.array()
            let (left, right) = (try item.left?.array(), try item.right?.array())
            let inputs =
                [try item.x.array()] + (try item.biases.map { [scales, try $0.array()] } ?? [])
            func product(_ inputs: [MLXArray]) -> [MLXArray] {
                let isAffine = inputs.count > 1
                return [
                    gatherQuantizedMM(
                        inputs[0], words, scales: isAffine ? inputs[1] : scales,
                        biases: isAffine ? inputs[2] : nil, lhsIndices: left, rhsIndices: right,
                        transpose: item.transpose, groupSize: item.group, bits: item.bits,
                        mode: item.mode)
                ]
            }
            let expected = try item.output.array()
            let tolerance = Tolerance.of(expected.dtype)
            #expect(difference(product(inputs)[0], expected, tolerance.times(2)) == nil, comment)
            guard let cotangent = try item.cotangent?.array() else { continue }
            let found = vjp(product, primals: inputs, cotangents: [cotangent]).1
            for (gradient, wanted) in zip(found, try #require(item.gradients)) {
                #expect(
                    difference(gradient, try wanted.array(), tolerance.times(4)) == nil, comment)
            }
        }
    }

    @Test("have these floats of 8 bits")
    func bytes() throws {
        let cases = try Fixtures.load("quantization_fp8", as: [Bytes].self)
        #expect(cases.count == 3)
        for item in cases {
            #expect(bitDifference(toFP8(try item.x.array()), try item.bytes.array()) == nil)
        }
    }
}
