import MLX
import MLXNN

/// Several optimizers, each for its own parameters of one model.
///
/// A parameter goes to the first optimizer whose filter, called with the parameter's dotted key and
/// its gradient, gives true; the last optimizer has no filter and takes the rest.
open class MultiOptimizer: StatefulOptimizer {
    /// The optimizers, in the order of their filters.
    public let optimizers: [any Optimizer]

    private let filters: [(String, MLXArray) -> Bool]

    /// Optimizers, and a filter for each but the last.
    public init(optimizers: [any Optimizer], filters: [(String, MLXArray) -> Bool] = []) {
        precondition(
            !optimizers.isEmpty && filters.count == optimizers.count - 1,
            "[MultiOptimizer] \(optimizers.count) optimizers take "
                + "\(max(optimizers.count - 1, 0)) filters, got \(filters.count)")
        self.optimizers = optimizers
        self.filters = filters
    }

    /// The learning rate of the first optimizer that has one; setting it sets that of all.
    public var learningRate: Float {
        get {
            optimizers.lazy.compactMap {
                ($0 as? any StatefulOptimizer)?.learningRate ?? ($0 as? Adafactor)?.learningRate
            }.first ?? 0
        }
        set {
            for optimizer in optimizers {
                if let optimizer = optimizer as? any StatefulOptimizer {
                    optimizer.learningRate = newValue
                } else if let optimizer = optimizer as? Adafactor {
                    optimizer.learningRate = newValue
                }
            }
        }
    }

    /// Makes one step of each optimizer with the gradients that are its.
    ///
    /// Gradients that do not fit the model are an error before the first optimizer's step; see
    /// ``OptimizerBase/update(model:gradients:)``.
    open func update(model: Module, gradients: ModuleParameters) {
        guard let places = model.parameters(for: gradients) else { return }
        let named = places.map { ($0.key, $0.gradient) }
        for (optimizer, part) in zip(optimizers, parts(of: named)) {
            if part.isEmpty { continue }
            optimizer.update(model: model, gradients: .unflattened(part))
        }
    }

    /// The arrays of all optimizers, one after the other.
    open func innerState() -> [MLXArray] {
        // Both protocols of an optimizer ask for its arrays.
        optimizers.flatMap { ($0 as any Updatable).innerState() }
    }

    /// The parameters of each optimizer.
    func parts(of arrays: [(String, MLXArray)]) -> [[(String, MLXArray)]] {
        var parts = [[(String, MLXArray)]](repeating: [], count: optimizers.count)
        for (key, array) in arrays {
            let place = filters.firstIndex { $0(key, array) } ?? filters.count
            parts[place].append((key, array))
        }
        return parts
    }
}
