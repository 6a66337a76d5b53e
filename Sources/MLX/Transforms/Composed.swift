/// Derivatives of a fused operation, taken through the same operation composed of others.
enum Composed {
    /// What ``Primitive/vjp(_:_:)`` answers, for a function of the call's inputs that gives its
    /// outputs.
    static func vjp(
        _ function: ([MLXArray]) -> [MLXArray], _ call: Call, _ cotangents: [MLXArray?]
    ) -> [MLXArray?] {
        // All inputs are stood in for, so that the walk inside never meets the one outside.
        let (inputs, outputs) = Trace.run(function, on: call.inputs)
        return ReverseMode.gradients(outputs: outputs, cotangents: cotangents, inputs: inputs)
    }

    /// What ``Primitive/jvp(_:_:)`` answers, for a function of the call's inputs that gives its
    /// outputs.
    static func jvp(
        _ function: ([MLXArray]) -> [MLXArray], _ call: Call, _ tangents: [MLXArray?]
    ) -> [MLXArray?] {
        let (inputs, outputs) = Trace.run(function, on: call.inputs)
        return ForwardMode.tangents(inputs: inputs, tangents: tangents, outputs: outputs)
    }
}

extension MLXArray {
    /// All results of a primitive; refused inputs go to the error handler and give empty arrays.
    static func results(
        of primitive: some Primitive, _ inputs: [MLXArray], count: Int
    ) -> [MLXArray] {
        do {
            let specs = try primitive.outputs(inputs.map(\.spec))
            let node = Node(primitive, inputs: Few(inputs, \.value), specs: Few(specs))
            return specs.indices.map { MLXArray(Node.Value(node: node, index: $0)) }
        } catch {
            ErrorHandler.report(error)
            return (0..<count).map { _ in MLXArray(Tensor(Spec([0], .float32))) }
        }
    }
}
