/// The order in which the pending nodes under some roots are computed: a list of steps, each one
/// node, or several elementwise nodes that run as one tile program, the last of them read by a node
/// that takes elements as they are made.
struct Schedule {
    /// The pending nodes, inputs before users; a place is emptied when its node is computed.
    var nodes: [Node?]

    /// The nodes of every step by position, inputs first, one step after the other.
    private(set) var members: [Int] = []
    /// Where each step's members end in `members`.
    private(set) var ends: [Int] = []

    /// How many inputs of nodes in the schedule each node serves.
    let uses: [Int]

    /// The most nodes and inputs of one tile program: enough for an optimizer's step, few enough
    /// that its tiles stay in the cache. Single numbers do not count as inputs: nothing is read for
    /// them but one tile, spread once.
    private static let mostMembers = 64
    private static let mostInputs = 24

    /// Lists what is pending under the roots and joins elementwise runs.
    init(roots: [Node]) {
        let order = Schedule.orderedNodes(under: roots)
        var uses = [Int](repeating: 0, count: order.count)
        for node in order {
            node.visitInputs { if $0.mark >= 0 { uses[$0.mark] += 1 } }
        }
        self.uses = uses
        nodes = order.map { Optional($0) }
        let homes = Schedule.homes(of: order)
        for node in order { node.mark = -1 }
        gather(homes)
    }

    /// So many nodes or more are ordered with care for what has to be kept meanwhile.
    private static let manyNodes = 256

    /// The pending nodes under some roots, inputs before users, numbered by their marks; those of
    /// roots that are computed from few others, one after the other, come first.
    ///
    /// Gradients lie at the deeper the earlier in a model their parameters are: so the way back is
    /// walked once, and what a layer's gradients need is let go before the layer before it.
    private static func orderedNodes(under roots: [Node]) -> [Node] {
        let order = pendingNodes(under: roots)
        guard roots.count > 1, order.count >= manyNodes else { return order }
        var depths = [Int](repeating: 0, count: order.count)
        for (position, node) in order.enumerated() {
            var depth = 0
            node.visitInputs { if $0.mark >= 0 { depth = max(depth, depths[$0.mark]) } }
            depths[position] = depth + 1
        }
        let keys = roots.map { $0.mark >= 0 ? depths[$0.mark] : 0 }
        let places = roots.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
        if places.elementsEqual(roots.indices) { return order }
        for node in order { node.mark = -1 }
        return pendingNodes(under: places.map { roots[$0] })
    }

    private static func pendingNodes(under roots: [Node]) -> [Node] {
        var order: [Node] = []
        // The roots hold the nodes.
        var stack: [Unmanaged<Node>] = []
        let (unseen, entered) = (-1, -2)
        for root in roots where root.mark == unseen && !root.isDone {
            stack.append(.passUnretained(root))
            while let top = stack.popLast() {
                top._withUnsafeGuaranteedRef { node in
                    if node.mark >= 0 { return }
                    if node.mark == unseen {
                        // It comes up again when its inputs, the first one on top, are listed.
                        node.mark = entered
                        stack.append(top)
                        if node.pushInputs(
                            onto: &stack, where: { $0.mark == unseen && !$0.isDone })
                        {
                            return
                        }
                        stack.removeLast()
                    }
                    node.mark = order.count
                    order.append(node)
                }
            }
        }
        return order
    }

    /// For each node the last node of its step.
    ///
    /// Walks from the last node to the first, so that all users of a node are settled before it.
    /// An elementwise node joins its users' step if that is one and the same step of such nodes, or
    /// of one that reads what they make: then no way leads out of the step and back into it.
    private static func homes(of order: [Node]) -> [Int] {
        let (unseen, refused) = (-1, -2)
        var homes = [Int](repeating: unseen, count: order.count)
        var sizes = [Int](repeating: 0, count: order.count)
        var inputCounts = [Int](repeating: 0, count: order.count)
        for index in order.indices.reversed() {
            let node = order[index]
            let isElementwise = node.isElementwise
            let offer = homes[index]
            var inputCount = 0
            if isElementwise { node.visitInputs { if !$0.isSingle { inputCount += 1 } } }
            let joins =
                offer >= 0 && isElementwise && sizes[offer] < mostMembers
                && inputCounts[offer] + inputCount <= mostInputs
                && order[offer].hasTiles(like: node)
            let home = joins ? offer : index
            homes[index] = home
            sizes[home] += 1
            inputCounts[home] += inputCount - (joins ? 1 : 0)
            // Others than elementwise nodes read at most their first input so.
            var vote = isElementwise || node.takesElements ? home : refused
            node.visitInputs { input in
                let position = input.mark
                if position >= 0 {
                    homes[position] =
                        homes[position] == unseen || homes[position] == vote ? vote : refused
                }
                if !isElementwise { vote = refused }
            }
        }
        return homes
    }

    private mutating func gather(_ homes: [Int]) {
        var starts = [Int](repeating: 0, count: homes.count)
        for home in homes { starts[home] += 1 }
        var end = 0
        for index in starts.indices where starts[index] > 0 {
            let size = starts[index]
            starts[index] = end
            end += size
            ends.append(end)
        }
        members = [Int](repeating: 0, count: homes.count)
        for (index, home) in homes.enumerated() {
            members[starts[home]] = index
            starts[home] += 1
        }
    }
}

extension Schedule {
    /// Whether the step that starts at a place of `members` is one tile program.
    func isElementwise(at place: Int) -> Bool { nodes[members[place]]?.isElementwise ?? false }

    /// The operations of a step, by their places in `members`.
    func names(_ places: Range<Int>) -> String {
        places.compactMap { nodes[members[$0]]?.primitive?.name }.joined(separator: " ")
    }
}

extension Node {
    var isElementwise: Bool { tileKernel != nil }

    /// Whether the inputs are there.
    var isReady: Bool {
        var isReady = true
        visitInputs { isReady = isReady && $0.isDone }
        return isReady
    }
}
