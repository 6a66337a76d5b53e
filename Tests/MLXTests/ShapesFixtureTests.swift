import MLX
import TestSupport
import Testing

@Suite("Shape operations, convolutions and contractions")
struct ShapesFixtureTests {
    private typealias Function = ([MLXArray]) -> MLXArray

    @Test("give the values and gradients of the PyPI package mlx")
    func values() throws {
        let cases = try Fixtures.load("shapes", as: [ShapesFixture].self)
        #expect(cases.count > 90)
        for fixture in cases {
            let function = try #require(Self.function(fixture), "\(fixture.operation)")
            let inputs = try fixture.inputs.map { try $0.array() }
            let expected = try fixture.output.array()
            let tolerance = Tolerance.of(expected.dtype)
            let comment: Comment =
                "\(fixture.operation) \(fixture.text ?? "") \(fixture.numbers ?? [])"
            #expect(difference(function(inputs), expected, tolerance) == nil, comment)
            guard let packed = fixture.gradients, let cotangent = try fixture.cotangent?.array()
            else { continue }
            let found = vjp({ [function($0)] }, primals: inputs, cotangents: [cotangent]).1
            for (index, gradient) in found.enumerated() {
                let wanted = try packed[index].array()
                #expect(
                    difference(gradient, wanted, tolerance.times(2)) == nil,
                    "the gradient of \(comment) by input \(index)")
            }
        }
    }

    private static func function(_ fixture: ShapesFixture) -> Function? {
        let numbers = fixture.numbers ?? []
        return convolution(fixture.operation, numbers)
            ?? contraction(fixture.operation, numbers, fixture.text ?? "")
            ?? shape(fixture.operation, numbers, fixture.text ?? "")
    }

    private static func convolution(_ operation: String, _ n: [[Int]]) -> Function? {
        switch operation {
        case "convGeneral":
            return { x in
                if n[1] == n[2] {
                    return convGeneral(
                        x[0], x[1], strides: .array(n[0]), padding: .array(n[1]),
                        kernelDilation: .array(n[3]), inputDilation: .array(n[4]), groups: n[5][0],
                        flip: n[5][1] == 1)
                }
                return convGeneral(
                    x[0], x[1], strides: .array(n[0]), padding: (n[1][0], n[2][0]),
                    kernelDilation: .array(n[3]), inputDilation: .array(n[4]), groups: n[5][0],
                    flip: n[5][1] == 1)
            }
        case "convTransposed1d":
            return {
                convTransposed1d(
                    $0[0], $0[1], stride: n[0][0], padding: n[1][0], dilation: n[2][0],
                    outputPadding: n[3][0], groups: n[4][0])
            }
        case "convTransposed2d":
            return {
                convTransposed2d(
                    $0[0], $0[1], stride: IntOrPair(n[0]), padding: IntOrPair(n[1]),
                    dilation: IntOrPair(n[2]), outputPadding: IntOrPair(n[3]), groups: n[4][0])
            }
        case "convTransposed3d":
            return {
                convTransposed3d(
                    $0[0], $0[1], stride: IntOrTriple(n[0]), padding: IntOrTriple(n[1]),
                    dilation: IntOrTriple(n[2]), outputPadding: IntOrTriple(n[3]), groups: n[4][0])
            }
        default: return nil
        }
    }

    private static func contraction(
        _ operation: String, _ n: [[Int]], _ text: String
    ) -> Function? {
        switch operation {
        case "einsum": return { einsum(text, operands: $0) }
        case "tensordot": return { tensordot($0[0], $0[1], axes: (n[0], n[1])) }
        case "inner": return { inner($0[0], $0[1]) }
        case "outer": return { outer($0[0], $0[1]) }
        case "kron": return { kron($0[0], $0[1]) }
        case "convolve":
            let mode: ConvolveMode = text == "full" ? .full : text == "valid" ? .valid : .same
            return { convolve($0[0], $0[1], mode: mode) }
        case "gatherMM":
            return {
                gatherMM($0[0], $0[1], lhsIndices: MLXArray(n[0]), rhsIndices: MLXArray(n[1]))
            }
        case "segmentedMM":
            return {
                segmentedMM($0[0], $0[1], segments: MLXArray(n.flatMap { $0 }, [n.count, 2]))
            }
        default: return nil
        }
    }

    private static func shape(_ operation: String, _ n: [[Int]], _ text: String) -> Function? {
        switch operation {
        case "tril": return { tril($0[0], k: n[0][0]) }
        case "triu": return { triu($0[0], k: n[0][0]) }
        case "diag": return { diag($0[0], k: n[0][0]) }
        case "diagonal": return { $0[0].diagonal(offset: n[0][0], axis1: n[0][1], axis2: n[0][2]) }
        case "trace": return { trace($0[0], offset: n[0][0], axis1: n[0][1], axis2: n[0][2]) }
        case "roll": return { roll($0[0], shift: n[0][0], axes: n[1].isEmpty ? nil : n[1]) }
        case "tiled": return { tiled($0[0], repetitions: n[0]) }
        case "repeated":
            return n[0].count == 1
                ? { repeated($0[0], count: n[0][0]) }
                : { repeated($0[0], count: n[0][0], axis: n[0][1]) }
        case "padded":
            guard let mode = PadMode(rawValue: text) else { return nil }
            return { padded($0[0], widths: n.map { IntOrPair($0) }, mode: mode) }
        case "asStrided": return { asStrided($0[0], n[0], strides: n[1], offset: n[2][0]) }
        case "hadamardTransform": return { hadamardTransform($0[0]) }
        case "bartlett": return { _ in bartlett(n[0][0]) }
        case "blackman": return { _ in blackman(n[0][0]) }
        case "hamming": return { _ in hamming(n[0][0]) }
        case "hanning": return { _ in hanning(n[0][0]) }
        default: return nil
        }
    }
}

/// One call in MLX: parameters, inputs, output, and gradients where there are some.
private struct ShapesFixture: Decodable {
    let operation: String
    let inputs: [Packed]
    let output: Packed
    let cotangent: Packed?
    let gradients: [Packed]?
    let numbers: [[Int]]?
    let text: String?
}
