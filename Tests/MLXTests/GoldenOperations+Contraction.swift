import MLX

extension GoldenOperations {
    static let contractions: Binary = [
        "matmul": { matmul($0, $1) }, "matmul(batches)": { matmul($0, $1) },
        "matmul(vectors)": { matmul($0, $1) }, "matmul(vector)": { matmul($0, $1) },
        "matmul(empty)": { matmul($0, $1) }, "inner": { inner($0, $1) },
        "outer": { outer($0, $1) }, "tensordot": { tensordot($0, $1, axes: 1) },
        "tensordot(axes:)": { tensordot($0, $1, axes: ([0, 2], [1, 0])) },
        "einsum": { einsum("bij,kj->bki", $0, $1) }, "kron": { kron($0, $1) },
        "convolve(mode: .same)": { convolve($0, $1, mode: .same) },
        "convolve": { convolve($0, $1) },
        "conv1d": { conv1d($0, $1, stride: 2, padding: 1) },
        "conv2d": {
            conv2d($0, $1, stride: [1, 2], padding: [1, 0], dilation: [1, 2], groups: 2)
        },
        "conv3d": { conv3d($0, $1, padding: 1) },
        "convTransposed1d": {
            convTransposed1d($0, $1, stride: 2, padding: 1, outputPadding: 1)
        },
        "convTransposed2d": { convTransposed2d($0, $1, stride: 2, outputPadding: 1) },
        "convTransposed3d": { convTransposed3d($0, $1) },
    ]

    static let contractionsOfSeveral: Several = [
        "addMM": { [addMM($0[0], $0[1], $0[2], alpha: 0.5, beta: 2)] },
        "einsum(diagonal)": { [einsum("ii->i", $0[0])] },
        "gatherMM": {
            [gatherMM($0[0], $0[1], lhsIndices: ($0[2] + 3) % 3, rhsIndices: ($0[3] + 3) % 3)]
        },
        "segmentedMM": { [segmentedMM($0[0], $0[1], segments: sorted($0[2], axis: 1))] },
        "hadamardTransform": { [hadamardTransform($0[0])] },
        "hadamardTransform(scale:)": { [hadamardTransform($0[0], scale: 0.5)] },
        "blockMaskedMM": { [blockMaskedMM($0[0], $0[1], blockSize: 32, maskOut: $0[2])] },
        "convGeneral": {
            [
                convGeneral(
                    $0[0], $0[1], padding: (1, 2), kernelDilation: [1, 2], inputDilation: [2, 1],
                    flip: true)
            ]
        },
    ]

    /// A square matrix far from singular.
    private static func steep(_ x: MLXArray) -> MLXArray {
        x * 0.25 + eye(3, dtype: x.dtype) * 3
    }

    private static func symmetric(_ x: MLXArray) -> MLXArray {
        matmul(steep(x), swappedAxes(steep(x), -1, -2))
    }

    static let decompositions: Unary = [
        "inv": { MLXLinalg.inv(steep($0)) }, "triInv": { MLXLinalg.triInv(tril(steep($0))) },
        "pinv": { MLXLinalg.pinv(steep($0)) },
        "cholesky": { MLXLinalg.cholesky(symmetric($0)) },
        "choleskyInv": { MLXLinalg.choleskyInv(tril(steep($0))) },
        "qr": {
            let (q, r) = MLXLinalg.qr(steep($0))
            return matmul(q, r)
        },
        "svd": { MLXLinalg.svd(steep($0)) }, "eigvalsh": { MLXLinalg.eigvalsh(symmetric($0)) },
        "eigh": { MLXLinalg.eigh(symmetric($0)).0 },
        "eigvals": { MLXLinalg.eigvals(steep($0)).sum(axis: -1) },
        "eig": { MLXLinalg.eig(steep($0)).0.sum(axis: -1) },
    ]

    static let decompositionsOfSeveral: Several = [
        "solve": { [MLXLinalg.solve(steep($0[0]), $0[1])] },
        "solveTriangular": { [MLXLinalg.solveTriangular(tril(steep($0[0])), $0[1])] },
        "cross": { [MLXLinalg.cross($0[0], $0[1])] },
        "lu": { inputs in
            let (rows, lower, upper) = MLXLinalg.lu(steep(inputs[0]))
            return [rows, lower, upper]
        },
        "lu_factor": { inputs in
            let (factors, pivots) = MLXLinalg.lu_factor(steep(inputs[0]))
            return [factors, pivots]
        },
    ]

    static let norms: Unary = [
        "norm": { MLXLinalg.norm($0) },
        "norm(ord: 1, axis: 1)": { MLXLinalg.norm($0, ord: 1, axis: 1) },
        "norm(ord: 3, axis: 0)": { MLXLinalg.norm($0, ord: 3, axis: 0, keepDims: true) },
        "norm(ord: inf)": { MLXLinalg.norm($0, ord: .infinity, axes: [0, 1]) },
        "norm(ord: .fro)": { MLXLinalg.norm($0, ord: .fro, axes: [0, 1]) },
        "norm(ord: .nuc)": { MLXLinalg.norm($0, ord: .nuc, axes: [0, 1]) },
    ]

    static let transforms: Unary = [
        "fft": { MLXFFT.fft($0) }, "ifft": { MLXFFT.ifft($0, n: 5, axis: 0) },
        "fft2": { MLXFFT.fft2($0) }, "ifft2": { MLXFFT.ifft2($0, s: [2, 3]) },
        "fftn": { MLXFFT.fftn($0) }, "ifftn": { MLXFFT.ifftn($0, axes: [0, 1]) },
        "rfft": { MLXFFT.rfft($0, n: 6) }, "irfft": { MLXFFT.irfft($0) },
        "rfft2": { MLXFFT.rfft2($0) }, "irfft2": { MLXFFT.irfft2($0) },
        "rfftn": { MLXFFT.rfftn($0) }, "irfftn": { MLXFFT.irfftn($0, axes: [0, 1]) },
        "fftshift": { MLXFFT.fftshift($0) },
        "ifftshift": { MLXFFT.ifftshift($0, axes: [1]) },
    ]

    static let fast: Several = [
        "rmsNorm": { [MLXFast.rmsNorm($0[0], weight: $0[1], eps: 1e-5)] },
        "layerNorm": { [MLXFast.layerNorm($0[0], weight: $0[1], bias: $0[2], eps: 1e-5)] },
        "RoPE": {
            [
                MLXFast.RoPE(
                    $0[0], dimensions: 4, traditional: false, base: 100, scale: 0.5, offset: 2)
            ]
        },
        "RoPE(traditional: true)": {
            [
                MLXFast.RoPE(
                    $0[0], dimensions: 2, traditional: true, base: 100, scale: 1, offset: 0)
            ]
        },
        "scaledDotProductAttention": {
            [
                MLXFast.scaledDotProductAttention(
                    queries: $0[0], keys: $0[1], values: $0[2], scale: 0.5, mask: .none)
            ]
        },
        "scaledDotProductAttention(causal)": {
            [
                MLXFast.scaledDotProductAttention(
                    queries: $0[0], keys: $0[1], values: $0[2], scale: 0.5, mask: .causal)
            ]
        },
    ]
}
