/// What a function is traced on that has no values yet: a shape and a type.
struct StandIn: Primitive {
    /// The transform, for the error message.
    let name: String
    let spec: Spec
    var stepCount: Int { 0 }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { [spec] }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        throw refusal("an argument of the function has no value while it is traced")
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { [] }
}

extension MLXArray {
    /// An array without a value, for a transform.
    static func standIn(_ spec: Spec, for transform: String) -> MLXArray {
        MLXArray.apply(StandIn(name: transform, spec: spec), [])
    }
}
