/// The nodes on the ways from some inputs to some outputs.
///
/// A derivative may run a function of the user's, and that another walk or an evaluation: each puts
/// the marks of the walk around it away until it has ended.
enum Walk {
    /// The nodes of the walks at work by their marks, the innermost walk last.
    // Unchecked: walks and evaluations take turns under the lock of evaluations.
    @exclusivity(unchecked) nonisolated(unsafe) private static var atWork: [[Node]] = []
    /// An empty list with memory for what a walk has still to look at. The graph holds the nodes.
    @exclusivity(unchecked) nonisolated(unsafe) private static var spare: [Unmanaged<Node>] = []

    /// The inputs, all of them, and then the nodes between them and the outputs, each behind what it
    /// is computed from; numbered by their marks until ``release(_:)``.
    ///
    /// A walk ends at the inputs, which are nodes of their own each, and at nodes that do not depend
    /// on a transform's input. Effects are nodes that are walked to as if they did.
    static func nodes(
        between inputs: consuming [Node], and outputs: [MLXArray],
        effects: Set<ObjectIdentifier> = []
    ) -> [Node] {
        pause()
        var order = consume inputs
        for position in order.indices { order[position].mark = position }
        let (unseen, entered, aside) = (-1, -2, -3)
        var stack: [Unmanaged<Node>] = []
        swap(&stack, &spare)
        defer { swap(&stack, &spare) }
        var others: [Node] = []
        for output in outputs {
            let root = output.value.node
            guard root.isTraced else { continue }
            stack.append(.passUnretained(root))
            while let top = stack.popLast() {
                top._withUnsafeGuaranteedRef { node in
                    if node.mark == unseen {
                        // It comes up again when its inputs, the first one on top, are listed.
                        node.mark = entered
                        stack.append(top)
                        if node.pushInputs(
                            onto: &stack, where: { $0.mark == unseen && $0.isTraced })
                        {
                            return
                        }
                        stack.removeLast()
                    } else if node.mark != entered {
                        return
                    }
                    var isBetween =
                        !effects.isEmpty && effects.contains(ObjectIdentifier(node))
                    node.visitInputs { isBetween = isBetween || $0.mark >= 0 }
                    node.mark = isBetween ? order.count : aside
                    if isBetween { order.append(node) } else { others.append(node) }
                }
            }
        }
        for node in others { node.mark = -1 }
        atWork.append(order)
        return order
    }

    /// Takes the numbers off the nodes; walks end in the opposite order of their beginnings.
    static func release(_ nodes: [Node]) {
        for node in nodes { node.mark = -1 }
        atWork.removeLast()
        resume()
    }

    /// Puts the marks of the innermost walk away.
    static func pause() {
        guard isAtWork else { return }
        for node in innermost { node.mark = -1 }
    }

    /// Puts the marks of the innermost walk back.
    static func resume() {
        guard isAtWork else { return }
        for (position, node) in innermost.enumerated() { node.mark = position }
    }

    /// Whether a walk goes over the graph, which an evaluation on the way must leave as it is.
    static var isAtWork: Bool { !atWork.isEmpty }

    private static var innermost: [Node] { atWork.last ?? [] }
}
