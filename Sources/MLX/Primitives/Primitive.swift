/// An operation that the machine knows: one type that answers for its shapes, its values and its
/// derivative. Nothing outside switches over primitives.
package protocol Primitive: Sendable {
    /// The name in error messages and graph dumps, as users call the operation.
    var name: String { get }

    /// The shapes and types of the results; the only place that refuses inputs.
    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec]

    /// Computes the results into row-major memory.
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError)

    /// The gradients with respect to the inputs, given those with respect to the outputs; nil is
    /// zero, on both sides. Only what `call.wanted` names need be given.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?]

    /// The kernel for one tile where every element of the result depends on the same element of
    /// the inputs; nil for other operations.
    func kernel(_ inputs: [DType]) -> TileKernel?

    /// The layout of the result where it is the input's memory seen otherwise; nil where it is
    /// not, or where the strides forbid it.
    func view(_ input: Layout) -> Layout?

    /// Whether the primitive marks an input of a transform.
    var isTracer: Bool { get }
}

extension Primitive {
    package func kernel(_ inputs: [DType]) -> TileKernel? { nil }
    package func view(_ input: Layout) -> Layout? { nil }
    package var isTracer: Bool { false }

    func refusal(_ message: String) -> MLXError { .caught("[\(name)] \(message)") }
}

/// A call of a primitive as a derivative sees it.
package struct Call {
    package let inputs: [MLXArray]
    package let outputs: [MLXArray]
    /// For each input, whether its gradient is asked for.
    package let wanted: [Bool]

    /// The only output of most primitives.
    package var output: MLXArray { outputs[0] }
}
