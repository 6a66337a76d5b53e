import MLX
import MLXNN

/// The usual choice of parameters for a weight decay, for ``OptimizerBase/decays``: matrices and
/// kernels, but not biases, the weights of normalisations, and embeddings.
///
/// Those left out are the parameters with fewer than two axes, and the tables of all `Embedding`s
/// that the model has now.
///
///     let optimizer = AdamW(learningRate: 1e-3, weightDecay: 0.1)
///     optimizer.decays = decayedParameters(of: model)
public func decayedParameters(of model: Module) -> (String, MLXArray) -> Bool {
    let tables = model.namedModules().filter { $0.1 is Embedding }.flatMap { path, table in
        table.parameters().flattened(prefix: path.isEmpty ? nil : path).map(\.0)
    }
    let left = Set(tables)
    return { key, parameter in parameter.ndim >= 2 && !left.contains(key) }
}
