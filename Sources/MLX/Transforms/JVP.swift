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
        inputs: [Node], tangents: [MLXArray?], outputs: [MLXArray]
    ) -> [MLXArray?] {
        let order = Walk.nodes(between: inputs, and: outputs)
        defer { Walk.release(order) }
        var found = Changes(order)
        for (input, tangent) in zip(inputs, tangents) {
            found[Node.Value(node: input, index: 0)] = tangent?.asType(input.specs[0].dtype)
        }
        for node in order.dropFirst(inputs.count) {
            let given = node.inputs.map { found[$0] }
            guard let primitive = node.primitive, given.contains(where: { $0 != nil }) else {
                continue
            }
            let call = Call(node, wanted: given.map { $0 != nil })
            for (index, tangent) in primitive.jvp(call, given).enumerated() {
                found[Node.Value(node: node, index: index)] = tangent
            }
        }
        return outputs.map { found[$0.value] }
    }
}
