/// The nodes on the ways from some inputs to some outputs.
enum Walk {
    /// The nodes, inputs first, numbered by their marks until ``release(_:)``.
    ///
    /// A walk ends at the inputs and at nodes that do not depend on a transform's input.
    static func nodes(between inputs: [MLXArray], and outputs: [MLXArray]) -> [Node] {
        let ends = Set(inputs.map { ObjectIdentifier($0.value.node) })
        let (entered, aside) = (-2, -3)
        var order: [Node] = []
        var others: [Node] = []
        var stack: [(node: Node, next: Int)] = []
        for output in outputs where output.value.node.mark == -1 && output.value.node.isTraced {
            stack.append((output.value.node, 0))
            output.value.node.mark = entered
            while let (node, next) = stack.last {
                let isEnd = ends.contains(ObjectIdentifier(node))
                if isEnd || next == node.inputs.count {
                    stack.removeLast()
                    if isEnd || node.inputs.contains(where: { $0.node.mark >= 0 }) {
                        node.mark = order.count
                        order.append(node)
                    } else {
                        node.mark = aside
                        others.append(node)
                    }
                    continue
                }
                stack[stack.count - 1].next += 1
                let input = node.inputs[next].node
                if input.mark == -1, input.isTraced {
                    input.mark = entered
                    stack.append((input, 0))
                }
            }
        }
        for node in others { node.mark = -1 }
        return order
    }

    /// Takes the numbers off the nodes.
    static func release(_ nodes: [Node]) {
        for node in nodes { node.mark = -1 }
    }
}
