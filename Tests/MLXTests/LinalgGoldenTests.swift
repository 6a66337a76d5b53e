import Foundation
import MLX
import TestSupport
import Testing

/// The golden values that `scripts/fixtures_linalg.py` has written.
@Suite("Linear algebra and transforms as MLX computes them")
struct LinalgGoldenTests {
    struct Case: Decodable {
        struct Packed: Decodable {
            let dtype: String
            let shape: [Int]
            let bits: String

            func array() throws -> MLXArray {
                let name = dtype
                let dtype = try #require(DType.allCases.first { "\($0)" == name })
                let digits = bits.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
                let bytes = stride(from: 0, to: digits.count, by: 2).map {
                    UInt8(digits[$0] << 4 | digits[$0 + 1])
                }
                try #require(bytes.count == dtype.size * shape.reduce(1, *))
                return makeArray(shape: shape, dtype: dtype) { $0.copyBytes(from: bytes) }
            }
        }

        let operation: String
        let inputs: [Packed]
        let output: Packed
        let axes: [Int]?
        let kind: String?
        let order: String?
    }

    private static let functions: [String: @Sendable ([MLXArray]) -> MLXArray] = [
        "inv": { MLXLinalg.inv($0[0]) },
        "triInv": { MLXLinalg.triInv($0[0]) },
        "cholesky": { MLXLinalg.cholesky($0[0]) },
        "choleskyInv": { MLXLinalg.choleskyInv($0[0]) },
        "eigvalsh": { MLXLinalg.eigvalsh($0[0]) },
        "pinv": { MLXLinalg.pinv($0[0]) },
        "svd": { MLXLinalg.svd($0[0]) },
        "solve": { MLXLinalg.solve($0[0], $0[1]) },
        "solveTriangular": { MLXLinalg.solveTriangular($0[0], $0[1]) },
        "lu0": { MLXLinalg.lu($0[0]).0 },
        "lu1": { MLXLinalg.lu($0[0]).1 },
        "lu2": { MLXLinalg.lu($0[0]).2 },
        "cross": { MLXLinalg.cross($0[0], $0[1]) },
        "fft": { MLXFFT.fft($0[0]) }, "ifft": { MLXFFT.ifft($0[0]) },
        "fft2": { MLXFFT.fft2($0[0]) }, "ifft2": { MLXFFT.ifft2($0[0]) },
        "fftn": { MLXFFT.fftn($0[0]) }, "ifftn": { MLXFFT.ifftn($0[0]) },
        "rfft": { MLXFFT.rfft($0[0]) }, "irfft": { MLXFFT.irfft($0[0]) },
        "rfft2": { MLXFFT.rfft2($0[0]) }, "irfft2": { MLXFFT.irfft2($0[0]) },
        "rfftn": { MLXFFT.rfftn($0[0]) }, "irfftn": { MLXFFT.irfftn($0[0]) },
        "fftshift": { MLXFFT.fftshift($0[0]) }, "ifftshift": { MLXFFT.ifftshift($0[0]) },
    ]

    private func norm(_ item: Case, _ x: MLXArray) throws -> MLXArray {
        guard let axes = item.axes else { return MLXLinalg.norm(x) }
        guard let order = item.order else {
            let kind = item.kind.flatMap { MLXLinalg.NormKind(rawValue: $0) }
            return MLXLinalg.norm(x, ord: kind, axes: axes)
        }
        let number = try #require(Double(order))
        return MLXLinalg.norm(x, ord: number, axis: IntOrArray(axes), keepDims: true)
    }

    @Test("agree with the golden values", arguments: ["linalg", "fourier"])
    func values(_ family: String) throws {
        var folder = URL(filePath: #filePath)
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        let file = folder.appending(path: "Fixtures/\(family).json")
        let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
        #expect(cases.count > 20)
        for item in cases {
            let inputs = try item.inputs.map { try $0.array() }
            let expected = try item.output.array()
            let function = Self.functions[item.operation]
            let result = try function?(inputs) ?? norm(item, inputs[0])
            // The reference rounds in float32 on its way, where ours rounds once.
            let tolerance = Tolerance.of(expected.dtype).times(expected.dtype == .float32 ? 8 : 4)
            let comment: Comment = "\(item.operation) \(item.axes ?? []) \(item.order ?? "")"
            #expect(difference(result, expected, tolerance) == nil, comment)
        }
    }
}
