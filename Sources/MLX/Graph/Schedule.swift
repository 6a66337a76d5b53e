/// The order in which the pending nodes under some roots are computed: a list of steps, each one
/// node, or several elementwise nodes that run as one tile program, the last of them read by a node
/// that takes elements as they are made.
struct Schedule: ~Copyable {
    /// How many steps there are.
    private(set) var stepCount = 0

    /// Numbers, one of each kind for a node, in one piece of memory with the nodes: as lists they
    /// would cost more than all else of a small graph.
    private typealias Numbers = UnsafeMutablePointer<Int>

    /// The pending nodes, held, inputs before users; a place is emptied when its node is computed.
    private let nodes: UnsafeMutablePointer<Unmanaged<Node>?>
    private let count: Int
    /// The nodes of every step by position, inputs first, one step after the other.
    private let members: Numbers
    /// Where each step's members end.
    private let ends: Numbers
    /// How many inputs of nodes in the schedule each node serves.
    private let uses: Numbers

    /// The most nodes and inputs of one tile program: enough for an optimizer's step, few enough
    /// that its tiles stay in the cache. Single numbers do not count as inputs: nothing is read for
    /// them but one tile, spread once.
    private static let mostMembers = 64
    private static let mostInputs = 24

    /// Lists what is pending under the roots and joins elementwise runs. Evaluations take turns.
    init(roots: [Node]) {
        var order = Schedule.orderedNodes(under: roots)
        let count = order.count
        self.count = count
        nodes = .allocate(capacity: 6 * count)
        members = UnsafeMutableRawPointer(nodes + count).bindMemory(
            to: Int.self, capacity: 5 * count)
        members.initialize(repeating: 0, count: 5 * count)
        (ends, uses) = (members + count, members + 2 * count)
        let (homes, sizes) = (members + 3 * count, members + 4 * count)
        for (position, node) in order.enumerated() {
            (nodes + position).initialize(to: node.retain())
            node.visit { $0.visitInputs { if $0.mark >= 0 { uses[$0.mark] += 1 } } }
        }
        // The ends come after what is counted in their place.
        Schedule.findHomes(of: order, homes, sizes: sizes, inputCounts: ends)
        for node in order { node.visit { $0.mark = -1 } }
        gather(homes, sizes)
        order.removeAll(keepingCapacity: true)
        swap(&order, &Schedule.spareOrder)
    }

    deinit {
        for position in 0..<count { nodes[position]?.release() }
        nodes.deallocate()
    }

    /// Empty lists with memory for the order, and for what is still to be looked at.
    @exclusivity(unchecked) nonisolated(unsafe) private static var spareOrder: [Unmanaged<Node>] =
        []
    @exclusivity(unchecked) nonisolated(unsafe) private static var spareStack: [Unmanaged<Node>] =
        []

    /// So many nodes or more are ordered with care for what has to be kept meanwhile.
    private static let manyNodes = 256

    /// The pending nodes under some roots, which hold them: inputs before users, numbered by their
    /// marks; those of roots that are computed from few others, one after the other, come first.
    ///
    /// Gradients lie at the deeper the earlier in a model their parameters are: so the way back is
    /// walked once, and what a layer's gradients need is let go before the layer before it.
    private static func orderedNodes(under roots: [Node]) -> [Unmanaged<Node>] {
        let order = pendingNodes(under: roots)
        guard roots.count > 1, order.count >= manyNodes else { return order }
        var depths = [Int](repeating: 0, count: order.count)
        for (position, node) in order.enumerated() {
            var depth = 0
            node.visit {
                $0.visitInputs { if $0.mark >= 0 { depth = max(depth, depths[$0.mark]) } }
            }
            depths[position] = depth + 1
        }
        let keys = roots.map { $0.mark >= 0 ? depths[$0.mark] : 0 }
        let places = roots.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
        if places.elementsEqual(roots.indices) { return order }
        for node in order { node.visit { $0.mark = -1 } }
        return pendingNodes(under: places.map { roots[$0] })
    }

    private static func pendingNodes(under roots: [Node]) -> [Unmanaged<Node>] {
        var (order, stack): ([Unmanaged<Node>], [Unmanaged<Node>]) = ([], [])
        swap(&order, &spareOrder)
        swap(&stack, &spareStack)
        defer { swap(&stack, &spareStack) }
        let (unseen, entered) = (-1, -2)
        for root in roots where root.mark == unseen && !root.isDone {
            stack.append(.passUnretained(root))
            while let top = stack.popLast() {
                top.visit { node in
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
                    order.append(top)
                }
            }
        }
        return order
    }

    /// Finds for each node the last node of its step, and counts the nodes of each step there.
    ///
    /// Walks from the last node to the first, so that all users of a node are settled before it.
    /// An elementwise node joins its users' step if that is one and the same step of such nodes, or
    /// of one that reads what they make: then no way leads out of the step and back into it.
    private static func findHomes(
        of order: [Unmanaged<Node>], _ homes: Numbers, sizes: Numbers, inputCounts: Numbers
    ) {
        let (unseen, refused) = (-1, -2)
        homes.update(repeating: unseen, count: order.count)
        for index in order.indices.reversed() {
            order[index].visit { node in
                let isElementwise = node.isElementwise
                let offer = homes[index]
                var inputCount = 0
                if isElementwise { node.visitInputs { if !$0.isSingle { inputCount += 1 } } }
                let joins =
                    offer >= 0 && isElementwise && sizes[offer] < mostMembers
                    && inputCounts[offer] + inputCount <= mostInputs
                    && order[offer].visit { $0.hasTiles(like: node) }
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
        }
    }

    /// Lists the members of the steps, which begin where those of the steps before end.
    private mutating func gather(_ homes: Numbers, _ sizes: Numbers) {
        var end = 0
        let starts = sizes
        for index in 0..<count where sizes[index] > 0 {
            let start = end
            end += sizes[index]
            starts[index] = start
            ends[stepCount] = end
            stepCount += 1
        }
        for index in 0..<count {
            members[starts[homes[index]]] = index
            starts[homes[index]] += 1
        }
    }
}

extension Schedule {
    /// The members of a step, by their places in the list of all.
    func places(of step: Int) -> Range<Int> { (step == 0 ? 0 : ends[step - 1])..<ends[step] }

    /// The position of a member among the nodes.
    func position(at place: Int) -> Int { members[place] }

    /// The node at a position, if it is not computed yet.
    func node(at position: Int) -> Node? { nodes[position]?.takeUnretainedValue() }

    /// The node at a position, if it is not computed yet, which the schedule lets go.
    func take(at position: Int) -> Node? {
        defer { nodes[position] = nil }
        return nodes[position]?.takeRetainedValue()
    }

    /// Calls the body with each node of a step that is not computed yet, and its position; the nodes
    /// for which it answers false are let go.
    @inline(__always)
    func filter(_ places: Range<Int>, _ isLeft: (Node, Int) -> Bool) {
        for place in places {
            let position = members[place]
            guard let node = nodes[position] else { continue }
            if node.visit({ isLeft($0, position) }) { continue }
            nodes[position] = nil
            node.release()
        }
    }

    /// Whether somebody beside its users in the schedule holds the node at a position.
    func isHeld(_ node: Node, at position: Int) -> Bool {
        node.holders.load(ordering: .relaxed) > uses[position]
    }

    /// Whether a step is one tile program.
    func isElementwise(_ places: Range<Int>) -> Bool {
        nodes[members[places.lowerBound]]?.visit { $0.isElementwise } ?? false
    }

    /// The operations of a step.
    func names(_ places: Range<Int>) -> String {
        places.compactMap { node(at: members[$0])?.primitive?.name }.joined(separator: " ")
    }
}

extension Unmanaged<Node> {
    /// What the body makes of the node, which somebody holds meanwhile.
    @inline(__always)
    func visit<Result>(_ body: (Node) -> Result) -> Result { _withUnsafeGuaranteedRef(body) }
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
