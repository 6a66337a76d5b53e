/// The pending graph under some arrays, to be looked at.
public struct GraphDump: CustomStringConvertible {
    private let roots: [Node]
    private let order: [Node]
    private let numbers: [ObjectIdentifier: Int]

    /// The graph of what has to be computed for the arrays.
    public init(_ arrays: MLXArray...) { self.init(arrays) }

    /// The graph of what has to be computed for the arrays.
    package init(_ arrays: [MLXArray]) {
        roots = arrays.map(\.value.node)
        var order: [Node] = []
        var numbers: [ObjectIdentifier: Int] = [:]
        var stack: [(node: Node, next: Int)] = []
        for array in arrays {
            stack.append((array.value.node, 0))
            while let (node, next) = stack.last {
                if numbers[ObjectIdentifier(node)] != nil {
                    stack.removeLast()
                } else if next < node.inputs.count {
                    stack[stack.count - 1].next += 1
                    stack.append((node.inputs[next].node, 0))
                } else {
                    numbers[ObjectIdentifier(node)] = order.count
                    order.append(node)
                    stack.removeLast()
                }
            }
        }
        self.order = order
        self.numbers = numbers
    }

    /// The number of nodes, those with values among them.
    public var nodeCount: Int { order.count }

    /// How many steps of an evaluation read elements: one for each node, or for each run of
    /// elementwise nodes, and those within a compiled function; views and values that are there do
    /// not count.
    package var stepCount: Int {
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        Walk.pause()
        defer { Walk.resume() }
        let schedule = Schedule(roots: roots.filter { !$0.isDone })
        var count = 0
        for step in 0..<schedule.stepCount {
            let last = schedule.position(at: schedule.places(of: step).upperBound - 1)
            count += schedule.node(at: last)?.primitive?.stepCount ?? 0
        }
        return count
    }

    /// How many nodes compute something: views and values that are there do not count.
    package var callCount: Int {
        order.count { !$0.isDone && $0.primitive?.stepCount != 0 }
    }

    /// One line a node, inputs before users: `%2 = matmul(%0, %1) [3, 4] float32`.
    public var description: String {
        order.enumerated().map { number, node in
            let inputs = node.inputs.map { "%\(self.number($0.node))" }.joined(separator: ", ")
            let specs = node.specs.map { "\($0.shape) \($0.dtype)" }.joined(separator: ", ")
            return "%\(number) = \(node.primitive?.name ?? "value")(\(inputs)) \(specs)\n"
        }.joined()
    }

    /// The graph in the language of Graphviz.
    public var dot: String {
        var lines = ["digraph {"]
        for (number, node) in order.enumerated() {
            let specs = node.specs.map { "\($0.shape) \($0.dtype)" }.joined(separator: ", ")
            let shape = node.primitive == nil ? "box" : "ellipse"
            let name = node.primitive?.name ?? "value"
            lines.append("  n\(number) [label=\"\(name)\\n\(specs)\", shape=\(shape)];")
            for input in node.inputs {
                lines.append("  n\(self.number(input.node)) -> n\(number);")
            }
        }
        return lines.joined(separator: "\n") + "\n}\n"
    }

    private func number(_ node: Node) -> Int { numbers[ObjectIdentifier(node)] ?? -1 }
}
