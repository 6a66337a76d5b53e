/// Walks a graph back from its outputs, asking each primitive for its gradient.
enum ReverseMode {
    /// The gradients of `Σ outputs · cotangents` by the inputs, which are tracers; nil is zero.
    static func gradients(
        outputs: [MLXArray], cotangents: [MLXArray?], inputs: [MLXArray]
    ) -> [MLXArray?] {
        let order = Walk.nodes(between: inputs, and: outputs)
        defer { Walk.release(order) }
        var gathered = order.map { [MLXArray?](repeating: nil, count: $0.specs.count) }
        for (output, cotangent) in zip(outputs, cotangents) {
            guard let cotangent, output.value.node.mark >= 0 else { continue }
            add(cotangent, to: output.value, in: &gathered)
        }
        let ends = Ends(inputs)
        for (position, node) in order.enumerated().reversed() {
            if ends.contains(node) { continue }
            guard let primitive = node.primitive,
                gathered[position].contains(where: { $0 != nil })
            else { continue }
            let cotangents = gathered[position]
            gathered[position] = []
            let wanted = node.inputs.map { $0.node.mark >= 0 }
            let call = Call(node, wanted: wanted)
            for (index, gradient) in primitive.vjp(call, cotangents).enumerated() {
                guard wanted[index], let gradient else { continue }
                add(gradient, to: node.inputs[index], in: &gathered)
            }
        }
        return inputs.map { input in
            let position = input.value.node.mark
            return position >= 0 ? gathered[position][input.value.index] : nil
        }
    }

    private static func add(
        _ gradient: MLXArray, to value: Node.Value, in gathered: inout [[MLXArray?]]
    ) {
        let position = value.node.mark
        let sum = gathered[position][value.index].map { $0 + gradient } ?? gradient
        gathered[position][value.index] = sum
    }
}

extension Call {
    init(_ node: Node, wanted: [Bool]) {
        inputs = node.inputs.map { MLXArray($0) }
        outputs = node.specs.indices.map { MLXArray(Node.Value(node: node, index: $0)) }
        self.wanted = wanted
    }
}

/// The outputs of a function and the gradients of `Σ outputs · cotangents` by its inputs.
///
/// - Parameters:
///   - primals: the inputs
///   - cotangents: one array for each output, of its shape
public func vjp(
    _ f: ([MLXArray]) -> [MLXArray], primals: some Collection<MLXArray>,
    cotangents: some Collection<MLXArray>
) -> ([MLXArray], [MLXArray]) {
    Evaluate.lock.lock()
    defer { Evaluate.lock.unlock() }
    let (inputs, outputs) = Trace.run(f, on: Array(primals))
    guard outputs.count == cotangents.count,
        zip(outputs, cotangents).allSatisfy({ $0.shape == $1.shape })
    else {
        ErrorHandler.report(
            .caught(
                "[vjp] \(outputs.map(\.shape)) are the shapes of the outputs, \(cotangents.map(\.shape)) those of the cotangents"
            ))
        return (outputs, primals.map { zeros(like: $0) })
    }
    let gradients = ReverseMode.gradients(
        outputs: outputs, cotangents: Array(cotangents), inputs: inputs)
    return (outputs, zip(gradients, primals).map { $0 ?? zeros(like: $1) })
}
