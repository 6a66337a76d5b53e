/// Writes down the graphs that calls of functions make, with the constants that they share.
struct FunctionRecorder {
    private(set) var graphs: [FunctionGraph] = []
    /// What the graphs read beside their arguments, each once.
    private(set) var constants: [MLXArray] = []
    private var constantNumbers: [Key: Int] = [:]
    private let operation: String

    /// - Parameters:
    ///   - operation: the name in error messages
    init(_ operation: String) { self.operation = operation }

    /// Calls the function on the arguments and writes down how the results come of them.
    mutating func record(
        _ f: ([MLXArray]) -> [MLXArray], _ arguments: [(name: String, array: MLXArray)],
        isShapeless: Bool
    ) throws {
        let names = arguments.map(\.name)
        let keywords = names.drop { $0.isEmpty }
        guard !keywords.contains(""), Set(keywords).count == keywords.count else {
            throw MLXError.caught(
                "[\(operation)] keywords come last and each once: got \(names)")
        }
        let given = arguments.map(\.array)
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        let (inputs, outputs) = try withError {
            Trace.run(f, on: given, isRecording: true)
        }
        var walk = GraphWalk(inputs: inputs.map { MLXArray($0) })
        let order = try Trace.keepingGraph(isRecording: true) {
            try walk.order(outputs.map(\.value))
        }
        try write(walk, order, outputs, names, given.map(\.spec), isShapeless)
    }

    private mutating func write(
        _ walk: GraphWalk, _ order: [Node], _ outputs: [MLXArray], _ names: [String],
        _ arguments: [Spec], _ isShapeless: Bool
    ) throws {
        var numbers: [Key: Int] = [:]
        for (number, input) in walk.inputs.enumerated() { numbers[Key(input.value)] = number }
        var places: [Int] = []
        var stretched: [(value: Node.Value, number: Int)] = []
        for value in walk.constants {
            let number = arguments.count + places.count
            let (place, shape) = try constant(value)
            places.append(place)
            // What is one element many times is stored once, and stretched by a step.
            if shape == value.spec.shape {
                numbers[Key(value)] = number
            } else {
                stretched.append((value, number))
            }
        }
        var count = arguments.count + places.count
        var steps: [FunctionGraph.Step] = []
        for (value, number) in stretched {
            numbers[Key(value)] = count
            count += 1
            steps.append(
                FunctionGraph.Step(
                    primitive: Broadcast(target: value.spec.shape), inputs: [number],
                    outputs: [value.spec]))
        }
        for node in order {
            guard let primitive = node.primitive as? any Portable else { continue }
            let inputs = node.inputs.compactMap { numbers[Key(walk.resolved($0))] }
            for index in node.specs.indices { numbers[Key(node, index)] = count + index }
            count += node.specs.count
            steps.append(
                FunctionGraph.Step(primitive: primitive, inputs: inputs, outputs: Array(node.specs))
            )
        }
        graphs.append(
            FunctionGraph(
                isShapeless: isShapeless, names: names, arguments: arguments, constants: places,
                steps: steps,
                results: outputs.compactMap { numbers[Key(walk.resolved($0.value))] }))
    }

    /// A constant's number in the file, and the shape that it is stored in.
    private mutating func constant(_ value: Node.Value) throws -> (Int, [Int]) {
        try Evaluate.run(value.node)
        guard var tensor = value.tensor else {
            throw MLXError.caught("[\(operation)] a value that the function reads has no bytes")
        }
        let strides = tensor.layout.strides
        tensor.layout = Layout(
            shape: zip(tensor.shape, strides).map { $1 == 0 ? min($0, 1) : $0 }, strides: strides,
            offset: tensor.layout.offset)
        let number = constantNumbers[Key(value)] ?? constants.count
        if number == constants.count {
            constants.append(MLXArray(tensor))
            // The node lives on with its address, which is its name here.
            held.append(value.node)
            constantNumbers[Key(value)] = number
        }
        return (number, tensor.shape)
    }

    private var held: [Node] = []
}

/// An output of a node, as the key of a table.
private struct Key: Hashable {
    private let node: ObjectIdentifier
    private let index: Int

    init(_ value: Node.Value) { self.init(value.node, value.index) }

    init(_ node: Node, _ index: Int) {
        self.node = ObjectIdentifier(node)
        self.index = index
    }
}

/// The nodes between a function's inputs and its results, those without a file form replaced.
private struct GraphWalk {
    let inputs: [MLXArray]
    /// The values that do not come of the inputs.
    private(set) var constants: [Node.Value] = []
    private var replaced: [ObjectIdentifier: [Node.Value]] = [:]
    private var seen: Set<ObjectIdentifier> = []
    private let ends: Set<ObjectIdentifier>
    private var constantKeys: Set<Key> = []

    init(inputs: [MLXArray]) {
        self.inputs = inputs
        ends = Set(inputs.map { ObjectIdentifier($0.value.node) })
    }

    /// What stands for a value: itself, or the result of what its node was replaced by.
    func resolved(_ value: Node.Value) -> Node.Value {
        var value = value
        while let others = replaced[ObjectIdentifier(value.node)] { value = others[value.index] }
        return value
    }

    /// The calls, inputs before users.
    mutating func order(_ roots: [Node.Value]) throws -> [Node] {
        var order: [Node] = []
        for root in roots {
            var stack: [(node: Node, next: [Node.Value])] = []
            try enter(root, &stack)
            while let (node, next) = stack.last {
                if let value = next.first {
                    stack[stack.count - 1].next.removeFirst()
                    try enter(value, &stack)
                } else {
                    stack.removeLast()
                    if replaced[ObjectIdentifier(node)] == nil { order.append(node) }
                }
            }
        }
        return order
    }

    /// Puts a node that has not been seen on the stack with what it needs.
    private mutating func enter(
        _ value: Node.Value, _ stack: inout [(node: Node, next: [Node.Value])]
    ) throws {
        let node = value.node
        let name = ObjectIdentifier(node)
        if ends.contains(name) { return }
        guard node.isTraced, let primitive = node.primitive else {
            if constantKeys.insert(Key(value)).inserted { constants.append(value) }
            return
        }
        guard seen.insert(name).inserted else { return }
        if let results = try withError({ primitive.inlined(node.inputs.map { MLXArray($0) }) }) {
            replaced[name] = results.map(\.value)
            stack.append((node, results.map(\.value)))
        } else if primitive is any Portable {
            stack.append((node, Array(node.inputs)))
        } else {
            throw primitive.refusal("\(type(of: primitive)) can't be written to a file")
        }
    }
}
