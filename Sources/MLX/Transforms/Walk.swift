import Synchronization

/// The nodes that a walk ends at: those of a transform's inputs.
struct Ends {
    private let few: [Node]
    private let many: Set<ObjectIdentifier>

    init(_ inputs: [MLXArray]) {
        let nodes = inputs.map(\.value.node)
        // A table costs more than to look at some.
        few = nodes.count <= 8 ? nodes : []
        many = nodes.count <= 8 ? [] : Set(nodes.map { ObjectIdentifier($0) })
    }

    func contains(_ node: Node) -> Bool {
        many.isEmpty ? few.contains { $0 === node } : many.contains(ObjectIdentifier(node))
    }
}

/// The nodes on the ways from some inputs to some outputs.
///
/// A derivative may run a function of the user's, and that another walk or an evaluation: each puts
/// the marks of the walk around it away until it has ended.
enum Walk {
    /// The nodes of the walks at work by their marks, the innermost walk last.
    private static let atWork = Mutex<[[Node]]>([])

    /// The nodes, inputs first, numbered by their marks until ``release(_:)``.
    ///
    /// A walk ends at the inputs and at nodes that do not depend on a transform's input.
    static func nodes(between inputs: [MLXArray], and outputs: [MLXArray]) -> [Node] {
        pause()
        let ends = Ends(inputs)
        let (entered, aside) = (-2, -3)
        var order: [Node] = []
        var others: [Node] = []
        var stack: [(node: Node, next: Int)] = []
        for output in outputs where output.value.node.mark == -1 && output.value.node.isTraced {
            stack.append((output.value.node, 0))
            output.value.node.mark = entered
            while let (node, next) = stack.last {
                let isEnd = ends.contains(node)
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
        atWork.withLock { $0.append(order) }
        return order
    }

    /// Takes the numbers off the nodes; walks end in the opposite order of their beginnings.
    static func release(_ nodes: [Node]) {
        pause()
        atWork.withLock { _ = $0.popLast() }
        resume()
    }

    /// Puts the marks of the innermost walk away.
    static func pause() {
        for node in innermost { node.mark = -1 }
    }

    /// Puts the marks of the innermost walk back.
    static func resume() {
        for (position, node) in innermost.enumerated() { node.mark = position }
    }

    /// Whether a walk goes over the graph, which an evaluation on the way must leave as it is.
    static var isAtWork: Bool { atWork.withLock { !$0.isEmpty } }

    private static var innermost: [Node] { atWork.withLock { $0.last ?? [] } }
}
