import Synchronization

/// Computes pending nodes.
package enum Evaluate {
    /// Computes the values of the nodes, and of what somebody holds among the nodes they need.
    static func run(_ roots: [Node]) throws(MLXError) {
        lock.lock()
        defer { lock.unlock() }
        let pending = roots.filter { !$0.isDone }
        if pending.isEmpty { return }
        Walk.pause()
        defer { Walk.resume() }
        try runAll(pending)
    }

    /// See ``run(_:)-([Node])``.
    static func run(_ root: Node) throws(MLXError) {
        lock.lock()
        defer { lock.unlock() }
        if root.isDone { return }
        Walk.pause()
        defer { Walk.resume() }
        if root.isReady { try runAlone(root) } else { try runAll([root]) }
    }

    /// Whether nodes that depend on a transform's input are to keep what they are computed from.
    private static var keepsGraph: Bool { Trace.isActive || Walk.isAtWork }

    private static func runAll(_ pending: [Node]) throws(MLXError) {
        let schedule = Schedule(roots: pending)
        let keepsGraph = keepsGraph
        for step in 0..<schedule.stepCount {
            let places = schedule.places(of: step)
            if schedule.isElementwise(places) {
                runTiles(places, schedule, keepsGraph: keepsGraph)
            }
            // A reader of elements that another thread has made meanwhile is left.
            let last = schedule.position(at: places.upperBound - 1)
            if let node = schedule.take(at: last) { try runCall(node, keepsGraph: keepsGraph) }
        }
    }

    /// Evaluations and walks of the graph take turns.
    static let lock = RecursiveLock()

    /// Waits, within `eval` of a primitive, for other threads, which may evaluate meanwhile.
    package static func waiting<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try lock.released(body)
    }

    /// Computes a node whose inputs are there.
    private static func runAlone(_ node: Node) throws(MLXError) {
        let keepsGraph = keepsGraph
        guard node.isElementwise else { return try runCall(node, keepsGraph: keepsGraph) }
        withStep { step in
            step.add(node, isKept: true)
            step.release()
            node.mark = -1
            let event = Timeline.begin(
                Timeline.Event(node.primitive?.name ?? "", step.sources.map(\.spec), [node.single]))
            defer { event?.end() }
            if !keepsGraph || !node.isTraced { node.detach() }
            step.run([], into: [])
        }
    }

    private static func runCall(_ node: consuming Node, keepsGraph: Bool) throws(MLXError) {
        // While a primitive waits, another thread may compute what is on this one's list.
        guard let primitive = node.primitive, !node.isDone else { return }
        let event = Timeline.begin(
            Timeline.Event(primitive.name, node.inputs.map(\.spec), Array(node.specs)))
        defer { event?.end() }
        let keepsGraph = keepsGraph && node.isTraced
        if !primitive.takesInputs, primitive.stepCount == 0, let input = node.onlyInput,
            let result = primitive.alias(of: input)
        {
            node.finish(result)
            if !keepsGraph { node.detach() }
            return
        }
        if !keepsGraph, primitive.takesInputs || !primitive.overwrites.isEmpty {
            return try runOver(node, primitive)
        }
        let tensors = node.inputs.tensors
        if let results = primitive.alias(tensors) {
            node.finish(results)
        } else if primitive.takesInputs {
            node.finish(try primitive.results(tensors, on: .shared))
        } else {
            // A node that fails stays pending, so that whoever asks again is told again.
            let outputs = node.newResults(of: primitive, from: tensors)
            try primitive.eval(tensors, into: outputs, on: .shared)
            node.finish(outputs)
        }
        if !keepsGraph { node.detach() }
    }

    /// Evaluates a call that may write over those of its inputs that nobody else needs.
    private static func runOver(_ node: Node, _ primitive: any Primitive) throws(MLXError) {
        var inputs = node.inputs.tensors
        node.detach()
        if primitive.takesInputs {
            do {
                node.finish(try primitive.results(consume inputs, on: .shared))
            } catch {
                // What was written over can't be computed from again.
                node.reattach(Failure(error: error), [])
                throw error
            }
            return
        }
        let outputs = primitive.outputs(node.specs.map { $0 }, over: &inputs)
        do {
            try primitive.eval(inputs, into: outputs, on: .shared)
        } catch {
            // Such a primitive refuses before it writes, so that whoever asks again is told again.
            node.reattach(primitive, inputs)
            throw error
        }
        node.finish(outputs)
    }

    private static func runTiles(
        _ places: Range<Int>, _ schedule: borrowing Schedule, keepsGraph: Bool
    ) {
        withStep { step in
            let last = schedule.position(at: places.upperBound - 1)
            // Another thread may have computed some meanwhile.
            schedule.filter(places) { node, position in
                // The last value is what the step is for; another one is kept where somebody beside
                // its users in this evaluation holds it.
                if !node.isDone {
                    step.add(
                        node, isKept: position == last || schedule.isHeld(node, at: position))
                }
                return true
            }
            step.release()
            let reader = step.reader?.node
            let others = step.reader?.others.compactMap(\.tensor) ?? []
            let results =
                reader.flatMap { reader in
                    reader.primitive.map { reader.newResults(of: $0, from: others) }
                } ?? []
            let event = Timeline.begin(
                Timeline.Event(
                    schedule.names(places), step.sources.map(\.spec),
                    step.kept.map(\.single) + results.map(\.spec)))
            defer { event?.end() }
            schedule.filter(places) { node, _ in
                guard node.isElementwise || node === reader else { return true }
                node.mark = -1
                // Under a transform the walk back may ask again for what is not kept.
                if !keepsGraph
                    || (!node.isTraced && (node === reader || step.kept.contains { $0 === node }))
                {
                    node.detach()
                }
                return false
            }
            step.run(others, into: results)
            reader?.finish(results)
        }
    }

    /// A step whose memory each one uses again; evaluations take turns.
    @exclusivity(unchecked) nonisolated(unsafe) private static var step = TileStep()
    /// Whether it is in use: what is let go in a step may have a finalizer that evaluates.
    @exclusivity(unchecked) nonisolated(unsafe) private static var isInStep = false

    private static func withStep(_ body: (inout TileStep) -> Void) {
        if isInStep {
            var step = TileStep()
            return body(&step)
        }
        isInStep = true
        body(&step)
        step.clear()
        isInStep = false
    }
}

/// What is left of a call that has failed after it wrote over its inputs.
private struct Failure: Primitive {
    let name = "failure"
    let error: MLXError

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { throw error }
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        throw error
    }
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { call.outputs.map { _ in nil } }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { [] }
}

extension Primitive {
    /// Memory for the results: of the inputs that ``overwrites`` names those that nobody else
    /// holds, else new.
    func outputs(_ specs: [Spec], over inputs: inout [Tensor]) -> [Tensor] {
        let overwrites = overwrites
        return specs.enumerated().map { index, spec in
            let layout = layout(ofResult: index, spec.shape, from: inputs)
            guard index < overwrites.count, let input = overwrites[index] else {
                return Tensor(layout, spec.dtype)
            }
            return inputs.takeMemory(of: input, layout, spec.dtype) ?? Tensor(layout, spec.dtype)
        }
    }
}

extension Few<Node.Value> {
    /// The values' memory, those that are computed.
    var tensors: [Tensor] {
        switch self {
        case .one(let value):
            if let tensor = value.tensor { return [tensor] }
        case .two(let first, let second):
            if let first = first.tensor, let second = second.tensor { return [first, second] }
        case .none, .many: break
        }
        var tensors: [Tensor] = []
        tensors.reserveCapacity(count)
        visit { value in
            if let tensor = value.tensor { tensors.append(tensor) }
        }
        return tensors
    }
}

extension Node.Value {
    /// The value's memory, when it is computed.
    package var tensor: Tensor? {
        // What a list hands out by its position is copied once more.
        if case .some(.one(let tensor)) = node.tensors, index == 0 { return tensor }
        return node.tensors?[index]
    }
}
