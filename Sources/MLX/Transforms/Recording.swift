/// The graph of one call of a function, from which those of others are made, and the plan by which
/// they are computed.
final class Recording: @unchecked Sendable {
    // Unchecked: made, called and computed under the lock of evaluations.

    /// What the function changes beside its results.
    let changed: [MLXArray]
    let resultCount: Int
    /// Whether the function reads something of another transform that is at work.
    let isTraced: Bool

    /// A call by its primitive, with its inputs by their place.
    private struct Step {
        let primitive: any Primitive
        let inputs: [Source]
        let specs: Few<Spec>
    }

    private enum Source {
        case argument(Int)
        case step(Int, output: Int)
        case constant(Int)
    }

    /// Whether a call does more than compute its results.
    private(set) var hasEffect = false

    private let arguments: [Spec]
    fileprivate var argumentCount: Int { arguments.count }
    fileprivate let specs: [Spec]
    private var steps: [Step] = []
    private var results: [Source] = []
    /// What does not depend on the arguments, each once; held as arrays, so that the first call keeps
    /// their values for the next.
    private var constants: [MLXArray] = []
    /// Made when the first call is computed.
    private var plan: Plan?

    init(
        inputs: [Node], outputs: [MLXArray], effects: [Node], changed: [MLXArray], resultCount: Int
    ) {
        self.changed = changed
        self.resultCount = resultCount
        arguments = inputs.map(\.specs[0])
        specs = outputs.map(\.spec)
        let order = Walk.nodes(
            between: inputs, and: outputs, effects: Set(effects.map { ObjectIdentifier($0) }))
        defer { Walk.release(order) }
        var numbering = Numbering()
        numbering.places = inputs.indices.map { .argument($0) }
        for node in order.dropFirst(inputs.count) {
            guard let primitive = node.primitive else {
                numbering.places.append(nil)
                continue
            }
            numbering.places.append(.step(steps.count, output: 0))
            let sources = node.inputs.map { numbering.source($0) }
            hasEffect = hasEffect || primitive.hasEffect
            steps.append(Step(primitive: primitive, inputs: sources, specs: node.specs))
        }
        results = outputs.map { numbering.source($0.value) }
        constants = numbering.constants
        isTraced = constants.contains { $0.value.node.isTraced }
    }

    /// Where values come from; the walk's marks are positions in `places`.
    private struct Numbering {
        var places: [Source?] = []
        var constants: [MLXArray] = []
        private var known: [ObjectIdentifier: [Int: Int]] = [:]

        mutating func source(_ value: Node.Value) -> Source {
            if value.node.mark >= 0 {
                switch places[value.node.mark] {
                case .argument(let index): return .argument(index)
                case .step(let index, _): return .step(index, output: value.index)
                case .constant, nil: break
                }
            }
            let node = ObjectIdentifier(value.node)
            if let number = known[node]?[value.index] { return .constant(number) }
            known[node, default: [:]][value.index] = constants.count
            constants.append(MLXArray(value))
            return .constant(constants.count - 1)
        }
    }

    /// Whether the arrays are of the shapes and types that the function was recorded with.
    func accepts(_ given: [MLXArray], _ state: [MLXArray]) -> Bool {
        guard given.count + state.count == arguments.count else { return false }
        return zip(given, arguments).allSatisfy { $0.spec == $1 }
            && zip(state, arguments.dropFirst(given.count)).allSatisfy { $0.spec == $1 }
    }

    /// The results of a call: of one node that is computed by the plan, or, where the graph belongs to
    /// another transform, of the graph.
    func call(_ inputs: [MLXArray]) -> [MLXArray] {
        if isTraced { return graph(inputs) }
        // The first calls have the constants computed.
        let needed = plan == nil ? inputs + constants : inputs
        let node = Node(
            CompiledCall(recording: self), inputs: Few(needed.map(\.value)), specs: Few(specs),
            kernel: nil)
        return specs.indices.map { MLXArray(Node.Value(node: node, index: $0)) }
    }

    /// The graph of a call.
    func graph(_ inputs: [MLXArray]) -> [MLXArray] {
        replay(inputs.map(\.value), constants.map(\.value)).map { MLXArray($0) }
    }

    private func replay(_ inputs: [Node.Value], _ constants: [Node.Value]) -> [Node.Value] {
        var nodes: [Node] = []
        nodes.reserveCapacity(steps.count)
        func value(_ source: Source) -> Node.Value {
            switch source {
            case .argument(let index): inputs[index]
            case .step(let index, let output): Node.Value(node: nodes[index], index: output)
            case .constant(let index): constants[index]
            }
        }
        for step in steps {
            nodes.append(
                Node(step.primitive, inputs: Few(step.inputs.map(value)), specs: step.specs))
        }
        return results.map(value)
    }

    /// How many steps of a call read elements.
    fileprivate var stepCount: Int {
        GraphDump(graph(arguments.map { MLXArray(Node.standIn($0, for: .compile)) })).stepCount
    }

    /// The results of a call from the inputs' memory, behind which the constants' may follow.
    fileprivate func compute(
        _ inputs: consuming [Tensor], on workers: Workers
    ) throws(MLXError) -> [Tensor] {
        let plan = plan ?? makePlan(inputs)
        self.plan = plan
        inputs.removeLast(inputs.count - arguments.count)
        return try plan.run(consume inputs, on: workers)
    }

    private func makePlan(_ tensors: [Tensor]) -> Plan {
        // Numbers are one memory seen often; a plan reads it once.
        struct Memory: Hashable {
            let storage: ObjectIdentifier
            let spec: Spec
            let strides: [Int]
            let offset: Int
        }
        var known: [Memory: Node] = [:]
        let inputs = tensors.prefix(arguments.count).map { Node($0) }
        let constants = tensors.dropFirst(arguments.count).map { tensor in
            let memory = Memory(
                storage: ObjectIdentifier(tensor.storage), spec: Spec(tensor.shape, tensor.dtype),
                strides: tensor.layout.strides, offset: tensor.layout.offset)
            let node = known[memory] ?? Node(tensor)
            known[memory] = node
            return Node.Value(node: node, index: 0)
        }
        let results = replay(inputs.map { Node.Value(node: $0, index: 0) }, constants).map {
            MLXArray($0)
        }
        // A plan keeps what somebody holds.
        return withExtendedLifetime(results) {
            Plan(inputs: inputs, results: results.map(\.value))
        }
    }
}

/// A call of a compiled function.
private struct CompiledCall: Primitive {
    let name = "compiled"
    let recording: Recording

    var takesInputs: Bool { true }
    var hasEffect: Bool { recording.hasEffect }
    var stepCount: Int { recording.stepCount }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { recording.specs }

    func results(
        _ inputs: consuming [Tensor], on workers: Workers
    ) throws(MLXError) -> [Tensor] { try recording.compute(consume inputs, on: workers) }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    // A call whose inputs belong to a transform is made by the function itself; these serve one
    // that comes later.
    func inlined(_ inputs: [MLXArray]) -> [MLXArray]? { graph(inputs) }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(graph, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(graph, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        MLX.vmap(graph, inAxes: batch.isBatched.map { $0 ? 0 : nil })(inputs).map { Batched($0) }
    }

    private func graph(_ inputs: [MLXArray]) -> [MLXArray] {
        recording.graph(Array(inputs.prefix(recording.argumentCount)))
    }
}
