/// What a function is traced on that has no values yet: a shape and a type.
struct StandIn: Primitive {
    /// The transform that traces the function.
    enum Transform: String { case compile, vmap }

    let transform: Transform

    /// The transform's, for the error message.
    var name: String { transform.rawValue }
    var stepCount: Int { 0 }
    var isTracer: Bool { true }

    private var missing: MLXError {
        refusal("an argument of the function has no value while it is traced")
    }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { throw missing }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        throw missing
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { [] }
}

extension Node {
    /// A value that is not there yet, for a transform.
    static func standIn(_ spec: Spec, for transform: StandIn.Transform) -> Node {
        Node(StandIn(transform: transform), spec)
    }
}
