/// The type and shape of a named tensor, for comparing a checkpoint with a model.
package struct TensorSpec: Equatable, Sendable, CustomStringConvertible {
    package let dtype: String
    package let shape: [Int]

    package init(dtype: String, shape: [Int]) {
        self.dtype = dtype
        self.shape = shape
    }

    /// Type and shape as `float32 [64, 128]`.
    package var description: String { "\(dtype) \(shape)" }

    /// The first tensor, by name, in which a checkpoint and a model differ; nil where none does.
    package static func firstDifference(
        checkpoint: [String: TensorSpec], model: [String: TensorSpec]
    ) -> TensorDifference? {
        for name in Set(checkpoint.keys).union(model.keys).sorted() {
            switch (checkpoint[name], model[name]) {
            case (nil, let wanted?):
                return .missing(name: name, model: wanted.description)
            case (let found?, nil):
                return .unknown(name: name, checkpoint: found.description)
            case (let found?, let wanted?) where found != wanted:
                return .different(
                    name: name, checkpoint: found.description, model: wanted.description)
            default: continue
            }
        }
        return nil
    }
}
