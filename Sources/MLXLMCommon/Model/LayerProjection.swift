import MLX
import MLXNN

/// What the rows of several layers are made of.
package enum LayerInput {
    /// The rows themselves.
    case plain(MLXArray)
    /// The rows behind a normalization, whose weight has one added if `offset`.
    case normalized(MLXArray, RMSNorm, offset: Bool)
    /// silu(gate) · up.
    case gated(MLXArray, MLXArray)

    private var dtype: DType {
        switch self {
        case .plain(let x), .normalized(let x, _, _), .gated(let x, _): x.dtype
        }
    }

    /// The products of the rows, [M, K], with each of some layers, [M, N]; a residual is added to
    /// that of a single layer.
    ///
    /// In the fast mode layers that are no more than a matrix share one pass; rows that stay wide are
    /// not rounded to bfloat16.
    package func products(
        _ layers: [Linear], mode: ComputationMode, residual: MLXArray? = nil, isWide: Bool = false
    ) -> [MLXArray] {
        let forms = layers.compactMap(\.projection)
        guard mode == .fast, dtype == .float32, forms.count == layers.count else {
            let rows = self.rows
            return layers.map { layer in
                let product = layer(rows)
                return residual.map { $0 + product } ?? product
            }
        }
        func products(_ x: MLXArray, _ rows: ProjectedRows = .plain) -> [MLXArray] {
            project(x, rows, layers: forms, residual: residual, isWide: isWide)
        }
        switch self {
        case .plain(let x): return products(x)
        case .gated(let gate, let up): return products(gate, .gated(up))
        case .normalized(let x, let norm, let offset):
            let weight = offset ? norm.weight + 1 : norm.weight
            return products(x, .normalized(weight: weight, eps: norm.eps))
        }
    }

    private var rows: MLXArray {
        switch self {
        case .plain(let x): x
        case .normalized(let x, let norm, _): norm(x)
        case .gated(let gate, let up): silu(gate) * up
        }
    }
}

extension Linear {
    /// This layer for a projection; nil for one that does more than a matrix and a bias.
    fileprivate var projection: ProjectedLayer? {
        if let packed = self as? QuantizedLinear {
            guard type(of: packed) == QuantizedLinear.self, packed.globalScale == nil else {
                return nil
            }
            return ProjectedLayer(
                words: packed.weight, scales: packed.scales, biases: packed.biases,
                groupSize: packed.groupSize, bits: packed.bits, mode: packed.mode,
                bias: packed.bias)
        }
        guard type(of: self) == Linear.self else { return nil }
        return ProjectedLayer(weight: weight, bias: bias)
    }
}

extension Embedding {
    /// The vectors with the numbers `x`, [T] to [T, dimensions]; of a packed table as float32.
    package func vectors(_ x: MLXArray) -> MLXArray {
        guard let packed = self as? QuantizedEmbedding,
            type(of: packed) == QuantizedEmbedding.self, packed.globalScale == nil
        else { return self(x) }
        return dequantized(
            take(packed.weight, x, axis: 0), scales: take(packed.scales, x, axis: 0),
            biases: packed.biases.map { take($0, x, axis: 0) }, groupSize: packed.groupSize,
            bits: packed.bits, mode: packed.mode, dtype: .float32)
    }

    /// The products of rows, [M, K], with all vectors; see ``LayerInput``.
    package func products(_ x: MLXArray, mode: ComputationMode) -> MLXArray {
        guard mode == .fast, x.dtype == .float32 else { return asLinear(x) }
        if let packed = self as? QuantizedEmbedding {
            guard type(of: packed) == QuantizedEmbedding.self, packed.globalScale == nil else {
                return asLinear(x)
            }
            let layer = ProjectedLayer(
                words: packed.weight, scales: packed.scales, biases: packed.biases,
                groupSize: packed.groupSize, bits: packed.bits, mode: packed.mode, bias: nil)
            return project(x, layers: [layer], isWide: true)[0]
        }
        guard type(of: self) == Embedding.self else { return asLinear(x) }
        return project(x, layers: [ProjectedLayer(weight: weight, bias: nil)], isWide: true)[0]
    }
}
