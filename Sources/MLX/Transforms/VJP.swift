/// Walks a graph back from its outputs, asking each primitive for its gradient.
enum ReverseMode {
    /// The gradients of `Σ outputs · cotangents` by the inputs, which are tracers; nil is zero.
    static func gradients(
        outputs: [MLXArray], cotangents: [MLXArray?], inputs: [Node]
    ) -> [MLXArray?] {
        let order = Walk.nodes(between: inputs, and: outputs)
        defer { Walk.release(order) }
        var gathered = Changes(order)
        for (output, cotangent) in zip(outputs, cotangents) {
            guard let cotangent, output.value.node.mark >= 0 else { continue }
            gathered.add(cotangent, to: output.value)
        }
        for node in order.dropFirst(inputs.count).reversed() {
            let cotangents = gathered.take(from: node)
            guard let primitive = node.primitive, cotangents.contains(where: { $0 != nil })
            else { continue }
            let wanted = wantedInputs(of: node)
            let call = Call(node, wanted: wanted)
            for (index, gradient) in primitive.vjp(call, cotangents).enumerated() {
                guard wanted[index], let gradient else { continue }
                gathered.add(gradient, to: node.inputs[index])
            }
        }
        return inputs.map { gathered[Node.Value(node: $0, index: 0)] }
    }

    /// For each input of a node that is between, whether it is too.
    private static func wantedInputs(of node: Node) -> [Bool] {
        switch node.inputs {
        case .one: alone
        case .two(let first, let second):
            pairs[(first.node.mark >= 0 ? 1 : 0) + (second.node.mark >= 0 ? 2 : 0)]
        case .none, .many: node.inputs.map { $0.node.mark >= 0 }
        }
    }

    // Lists that are there: nearly all calls have one of them.
    private static let alone = [true]
    private static let pairs = (0..<4).map { [$0 & 1 > 0, $0 & 2 > 0] }
}

/// Gradients by, or tangents of, the outputs of the nodes of a walk; nil is zero.
struct Changes {
    private var changes: [MLXArray?]
    /// Where the outputs of each node begin, by its mark.
    private var starts: [Int] = []

    init(_ order: [Node]) {
        starts.reserveCapacity(order.count)
        var count = 0
        for node in order {
            starts.append(count)
            count += node.isOfSeveral ? node.specs.count : 1
        }
        changes = [MLXArray?](repeating: nil, count: count)
    }

    /// The change of a value; nil too for one that is not of the walk.
    subscript(value: Node.Value) -> MLXArray? {
        get { value.node.mark >= 0 ? changes[starts[value.node.mark] + value.index] : nil }
        set { changes[starts[value.node.mark] + value.index] = newValue }
    }

    mutating func add(_ change: MLXArray, to value: Node.Value) {
        let place = starts[value.node.mark] + value.index
        changes[place] = changes[place].map { $0 + change } ?? change
    }

    /// Hands the changes of a node's outputs out.
    mutating func take(from node: Node) -> [MLXArray?] {
        let start = starts[node.mark]
        if !node.isOfSeveral {
            defer { changes[start] = nil }
            return [changes[start]]
        }
        return node.specs.indices.map { index in
            defer { changes[start + index] = nil }
            return changes[start + index]
        }
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
