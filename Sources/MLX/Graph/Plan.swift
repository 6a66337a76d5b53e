/// What it takes to compute some values from others, in order, without nodes: made once of a graph,
/// it runs on the memory of other inputs of the same shapes and types.
///
/// Values have a place each: the inputs, then what the graph reads beside them, then what its steps
/// compute.
struct Plan {
    private enum Work {
        /// An elementwise run.
        case tiles(TileProgram, TileRun)
        /// One whose result a primitive reads as elements of a spec.
        case read(TileProgram, TileRun, any TileReading, Spec)
        case call(any Primitive)
    }

    private struct Result {
        let place: Int
        let layout: Layout
        let dtype: DType
        var isRead = true

        var spec: Spec { Spec(layout.shape, dtype) }
    }

    private final class Step {
        let name: String
        let work: Work
        let inputs: [Int]
        var results: [Result]
        /// The places that nobody reads after this step.
        var ends: [Int] = []

        init(name: String, work: Work, inputs: [Int], results: [Result]) {
            (self.name, self.work, self.inputs, self.results) = (name, work, inputs, results)
        }
    }

    private var steps: [Step] = []
    /// The memory of what is there before the first step; nil for inputs and for results of steps.
    private var known: [Tensor?] = []
    private var results: [Int] = []

    /// The plan of the graph between computed inputs and results.
    init(inputs: [Node], results: [Node.Value]) {
        var places = Places()
        for (place, node) in inputs.enumerated() { places[ObjectIdentifier(node)] = place }
        let schedule = Schedule(roots: results.map(\.node).filter { !$0.isDone })
        known = [Tensor?](repeating: nil, count: inputs.count)
        for step in 0..<schedule.stepCount {
            let members = schedule.places(of: step)
            if schedule.isElementwise(members) {
                addTiles(members, schedule, &places)
            } else if let node = schedule.node(at: schedule.position(at: members.lowerBound)) {
                addCall(node, &places)
            }
        }
        self.results = results.map { place(of: $0, &places) }
        findEnds()
    }

    /// The places of the nodes' first results.
    private typealias Places = [ObjectIdentifier: Int]

    private mutating func place(of value: Node.Value, _ places: inout Places) -> Int {
        if let first = places[ObjectIdentifier(value.node)] { return first + value.index }
        // What is there and is no input stays the same for all calls.
        guard let tensors = value.node.tensors else {
            preconditionFailure("a value that is neither there nor computed")
        }
        let first = known.count
        places[ObjectIdentifier(value.node)] = first
        known += tensors.map { $0 }
        return first + value.index
    }

    private mutating func newPlaces(_ node: Node, _ places: inout Places) -> [Result] {
        places[ObjectIdentifier(node)] = known.count
        return node.specs.map { spec in
            known.append(nil)
            return Result(
                place: known.count - 1, layout: Layout(contiguous: spec.shape), dtype: spec.dtype)
        }
    }

    private mutating func addCall(_ node: Node, _ places: inout Places) {
        guard let primitive = node.primitive else { return }
        let inputs = node.inputs.map { place(of: $0, &places) }
        steps.append(
            Step(
                name: primitive.name, work: .call(primitive), inputs: inputs,
                results: newPlaces(node, &places)))
    }

    private mutating func addTiles(
        _ members: Range<Int>, _ schedule: borrowing Schedule, _ places: inout Places
    ) {
        var step = TileStep()
        for member in members {
            let position = schedule.position(at: member)
            guard let node = schedule.node(at: position) else { continue }
            let isLast = member == members.upperBound - 1
            step.add(node, isKept: isLast || schedule.isHeld(node, at: position))
        }
        step.release()
        for member in members { schedule.node(at: schedule.position(at: member))?.mark = -1 }
        var inputs = step.sources.map { place(of: $0, &places) }
        var results: [Result] = []
        for node in step.kept { results += newPlaces(node, &places) }
        var work = Work.tiles(step.program, step.program.laidOut())
        if let reader = step.reader {
            inputs += reader.others.map { place(of: $0, &places) }
            results += newPlaces(reader.node, &places)
            work = .read(step.program, step.program.laidOut(), reader.primitive, reader.elements)
        }
        steps.append(
            Step(name: schedule.names(members), work: work, inputs: inputs, results: results))
    }

    /// Finds the last step that reads each input and each result of a step.
    private mutating func findEnds() {
        var isRead = [Bool](repeating: false, count: known.count)
        for result in results { isRead[result] = true }
        for index in steps.indices.reversed() {
            for result in steps[index].results.indices {
                steps[index].results[result].isRead = isRead[steps[index].results[result].place]
            }
            for place in steps[index].inputs where !isRead[place] {
                isRead[place] = true
                if known[place] == nil { steps[index].ends.append(place) }
            }
        }
    }
}

extension Plan {
    /// The results for other inputs, whose memory is written over where nobody else holds it.
    func run(_ inputs: consuming [Tensor], on workers: Workers) throws(MLXError) -> [Tensor] {
        var values = [Tensor?](repeating: nil, count: known.count)
        for place in inputs.indices { values[place] = inputs[place] }
        inputs = []
        for step in steps { try run(step, &values, on: workers) }
        // At once: an array that grows costs a decoding step 3 % of its time.
        var tensors: [Tensor] = []
        tensors.reserveCapacity(results.count)
        for place in results {
            if let tensor = values[place] ?? known[place] { tensors.append(tensor) }
        }
        return tensors
    }

    private func run(
        _ step: Step, _ values: inout [Tensor?], on workers: Workers
    ) throws(MLXError) {
        let event = Timeline.begin(
            Timeline.Event(
                step.name,
                step.inputs.compactMap { place in
                    (values[place] ?? known[place]).map { Spec($0.shape, $0.dtype) }
                }, step.results.map(\.spec)))
        defer { event?.end() }
        var inputs: [Tensor] = []
        inputs.reserveCapacity(step.inputs.count)
        for place in step.inputs {
            if let tensor = values[place] ?? known[place] { inputs.append(tensor) }
        }
        for place in step.ends { values[place] = nil }
        let results: [Tensor]
        switch step.work {
        case .tiles(let program, let run):
            results = program.outputs(
                step.results.lazy.map { ($0.layout, $0.dtype) }, &inputs)
            run.run(
                inputs, into: results.lazy.map { Tiles.Target($0) }, count: results[0].count,
                on: workers)
            extendLifetime(results)
        case .read(let program, let run, let primitive, let elements):
            let others = Array(inputs.dropFirst(program.inputs.count))
            inputs.removeLast(others.count)
            let kept = program.outputs.count
            let outputs = program.outputs(
                step.results.prefix(kept).lazy.map { ($0.layout, $0.dtype) }, &inputs)
            let read = step.results.dropFirst(kept).map { Tensor($0.layout, $0.dtype) }
            run.run(
                inputs, into: outputs.lazy.map { Tiles.Target($0) }, on: workers, primitive,
                elements, others, into: read)
            results = outputs + read
        case .call(let primitive):
            results = try Self.run(primitive, consume inputs, step.results, on: workers)
        }
        for (result, tensor) in zip(step.results, results) where result.isRead {
            values[result.place] = tensor
        }
    }

    private static func run(
        _ primitive: any Primitive, _ inputs: consuming [Tensor], _ results: [Result],
        on workers: Workers
    ) throws(MLXError) -> [Tensor] {
        if primitive.takesInputs { return try primitive.results(consume inputs, on: workers) }
        if let views = primitive.alias(inputs) { return views }
        let outputs = primitive.outputs(results.map(\.spec), over: &inputs)
        try primitive.eval(inputs, into: outputs, on: workers)
        return outputs
    }
}
