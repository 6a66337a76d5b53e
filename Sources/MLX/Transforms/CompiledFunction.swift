import Synchronization

/// A function and the traces of its calls.
final class CompiledFunction: @unchecked Sendable {
    // Unchecked: calls take turns under the lock of evaluations.

    static let isEnabled = Atomic<Bool>(true)

    private let function: ([MLXArray]) -> [MLXArray]
    private let inputs: [any Updatable]
    private let outputs: [any Updatable]
    private var recordings: [[Spec]: Recording] = [:]

    init(
        function: @escaping ([MLXArray]) -> [MLXArray], inputs: [any Updatable],
        outputs: [any Updatable]
    ) {
        self.function = function
        self.inputs = inputs
        self.outputs = outputs
    }

    func callAsFunction(_ arguments: [MLXArray]) -> [MLXArray] {
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        let state = inputs.flatMap { $0.innerState() }
        let given = arguments + state
        // Under another transform the function is traced anyway.
        let isTraced = Trace.isActive && given.contains { $0.value.node.isTraced }
        guard Self.isEnabled.load(ordering: .relaxed), !isTraced else { return function(arguments) }
        let key = given.map(\.spec)
        let recording = recordings[key] ?? record(arguments, state)
        recordings[key] = recording
        let results = recording.replay(given)
        for (array, result) in zip(recording.changed, results.dropFirst(recording.resultCount)) {
            array._updateInternal(result)
        }
        return Array(results.prefix(recording.resultCount))
    }

    /// Runs the function on stand-ins and keeps the graph that it makes; the state is put back.
    private func record(_ arguments: [MLXArray], _ state: [MLXArray]) -> Recording {
        let stands = (arguments + state).map { MLXArray.standIn($0.spec, for: "compile") }
        let before = outputs.flatMap { $0.innerState() } + state
        // Held as arrays, so that an evaluation on the way keeps them.
        let values = before.map { MLXArray($0.value) }
        let (tracers, results) = Trace.run(
            { tracers in
                for (array, tracer) in zip(state, tracers.dropFirst(arguments.count)) {
                    array._updateInternal(tracer)
                }
                return function(Array(tracers.prefix(arguments.count)))
            }, on: stands)
        let changed = outputs.flatMap { $0.innerState() }
        let recording = Recording(
            inputs: tracers, outputs: results + changed.map { MLXArray($0.value) },
            changed: changed, resultCount: results.count)
        for (array, value) in zip(before, values) { array._updateInternal(value) }
        return recording
    }
}

/// The graph of one call of a function, from which that of another is made.
private struct Recording {
    /// What the function changes beside its results.
    let changed: [MLXArray]
    let resultCount: Int

    /// A call by its primitive, with its inputs by their place.
    private struct Step {
        let primitive: any Primitive
        let inputs: [Source]
        let specs: [Spec]
    }

    private enum Source {
        case argument(Int)
        case step(Int, output: Int)
        /// Something that does not depend on the arguments; held as an array, so that the first call
        /// keeps its value for the next.
        case constant(MLXArray)
    }

    private var steps: [Step] = []
    private var results: [Source] = []

    init(inputs: [MLXArray], outputs: [MLXArray], changed: [MLXArray], resultCount: Int) {
        self.changed = changed
        self.resultCount = resultCount
        let order = Walk.nodes(between: inputs, and: outputs)
        defer { Walk.release(order) }
        var places: [Source?] = []
        for node in order {
            if let argument = inputs.firstIndex(where: { $0.value.node === node }) {
                places.append(.argument(argument))
            } else if let primitive = node.primitive {
                places.append(.step(steps.count, output: 0))
                let sources = node.inputs.map { Recording.source($0, places) }
                steps.append(Step(primitive: primitive, inputs: sources, specs: node.specs))
            } else {
                places.append(nil)
            }
        }
        results = outputs.map { Recording.source($0.value, places) }
    }

    private static func source(_ value: Node.Value, _ places: [Source?]) -> Source {
        guard value.node.mark >= 0 else { return .constant(MLXArray(value)) }
        switch places[value.node.mark] {
        case .argument(let index): return .argument(index)
        case .step(let index, _): return .step(index, output: value.index)
        case .constant, nil: return .constant(MLXArray(value))
        }
    }

    /// The results on other inputs.
    func replay(_ inputs: [MLXArray]) -> [MLXArray] {
        var nodes: [Node] = []
        nodes.reserveCapacity(steps.count)
        func value(_ source: Source) -> Node.Value {
            switch source {
            case .argument(let index): inputs[index].value
            case .step(let index, let output): Node.Value(node: nodes[index], index: output)
            case .constant(let array): array.value
            }
        }
        for step in steps {
            nodes.append(Node(step.primitive, inputs: step.inputs.map(value), specs: step.specs))
        }
        return results.map { MLXArray(value($0)) }
    }
}
