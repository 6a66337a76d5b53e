/// The outputs of a function and their derivatives along the tangents: forward mode, in one pass.
///
/// - Parameters:
///   - primals: the inputs
///   - tangents: one array for each input, of its shape
public func jvp(
    _ f: ([MLXArray]) -> [MLXArray], primals: some Collection<MLXArray>,
    tangents: some Collection<MLXArray>
) -> ([MLXArray], [MLXArray]) {
    Evaluate.lock.lock()
    defer { Evaluate.lock.unlock() }
    let (inputs, outputs) = Trace.run(f, on: Array(primals))
    guard primals.count == tangents.count,
        zip(primals, tangents).allSatisfy({ $0.shape == $1.shape })
    else {
        ErrorHandler.report(
            .caught(
                "[jvp] \(primals.map(\.shape)) are the shapes of the primals, "
                    + "\(tangents.map(\.shape)) those of the tangents"))
        return (outputs, outputs.map { zeros(like: $0) })
    }
    let results = ForwardMode.tangents(inputs: inputs, tangents: Array(tangents), outputs: outputs)
    return (outputs, zip(results, outputs).map { $0 ?? zeros(like: $1) })
}

/// Walks a graph from its inputs, asking each primitive for its tangents.
enum ForwardMode {
    /// The tangents of the outputs; nil is zero.
    static func tangents(
        inputs: [MLXArray], tangents: [MLXArray?], outputs: [MLXArray]
    ) -> [MLXArray?] {
        let order = Walk.nodes(between: inputs, and: outputs)
        defer { Walk.release(order) }
        var gathered = order.map { [MLXArray?](repeating: nil, count: $0.specs.count) }
        for (input, tangent) in zip(inputs, tangents) where input.value.node.mark >= 0 {
            gathered[input.value.node.mark] = [tangent?.asType(input.dtype)]
        }
        let ends = Ends(inputs)
        for (position, node) in order.enumerated() {
            guard !ends.contains(node), let primitive = node.primitive else {
                continue
            }
            let given = node.inputs.map { input in
                input.node.mark >= 0 ? gathered[input.node.mark][input.index] : nil
            }
            guard given.contains(where: { $0 != nil }) else { continue }
            let call = Call(node, wanted: given.map { $0 != nil })
            gathered[position] = primitive.jvp(call, given)
        }
        return outputs.map { output in
            let node = output.value.node
            return node.mark >= 0 ? gathered[node.mark][output.value.index] : nil
        }
    }
}
