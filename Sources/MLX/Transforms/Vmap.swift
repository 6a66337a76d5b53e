/// A function that runs `f` for every index of an axis of its arguments, in one batched pass.
///
/// - Parameters:
///   - inAxes: for each argument the axis that is repeated over; nil for one that is the same for
///     all
///   - outAxes: for each result where the axis comes out; nil for one that is the same for all
public func vmap(
    _ f: @escaping ([MLXArray]) -> [MLXArray], inAxes: some Sequence<Int?> = [0],
    outAxes: some Sequence<Int?> = [0]
) -> ([MLXArray]) -> [MLXArray] {
    let (inAxes, outAxes) = (Array(inAxes), Array(outAxes))
    return { arguments in
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        do throws(MLXError) {
            return try Vmap(function: f, inAxes: inAxes, outAxes: outAxes).run(arguments)
        } catch {
            ErrorHandler.report(error)
            return arguments
        }
    }
}

/// A function that runs `f` for every index of an axis of its argument, in one batched pass.
public func vmap(
    _ f: @escaping (MLXArray) -> MLXArray, inAxes: Int? = 0, outAxes: Int? = 0
) -> (MLXArray) -> MLXArray {
    let batched = vmap({ [f($0[0])] }, inAxes: [inAxes], outAxes: [outAxes])
    return { batched([$0])[0] }
}

/// A function that runs `f` for every index of an axis of its arguments, in one batched pass.
public func vmap(
    _ f: @escaping (MLXArray, MLXArray) -> MLXArray, inAxes: (Int?, Int?) = (0, 0),
    outAxes: Int? = 0
) -> (MLXArray, MLXArray) -> MLXArray {
    let batched = vmap({ [f($0[0], $0[1])] }, inAxes: [inAxes.0, inAxes.1], outAxes: [outAxes])
    return { batched([$0, $1])[0] }
}

/// Traces a function on one index, then asks each primitive for the same call over all.
private struct Vmap {
    let function: ([MLXArray]) -> [MLXArray]
    let inAxes: [Int?]
    let outAxes: [Int?]

    func run(_ arguments: [MLXArray]) throws(MLXError) -> [MLXArray] {
        try check(inAxes, for: arguments.count, "inAxes")
        var size: Int?
        var (stands, rows): ([Node], [MLXArray]) = ([], [])
        stands.reserveCapacity(arguments.count)
        rows.reserveCapacity(arguments.count)
        var batched = BatchedValues(capacity: arguments.count + 8)
        for (index, argument) in arguments.enumerated() {
            guard let axis = axis(inAxes, index) else {
                rows.append(MLXArray(argument.value))
                continue
            }
            var spec = argument.spec
            let rank = spec.shape.count
            let place = axis < 0 ? axis + rank : axis
            guard 0..<rank ~= place else {
                throw .caught("[vmap] axis \(axis) does not fit an argument of shape \(spec.shape)")
            }
            let value = BatchedValue(argument.value, axis: place)
            let own = spec.shape[place]
            if place == 0 {
                spec.shape = Array(spec.shape[1...])
            } else {
                spec.shape.remove(at: place)
            }
            guard size == nil || size == own else { throw mismatch(arguments) }
            size = own
            let stand = Node.standIn(spec, for: .vmap)
            stands.append(stand)
            batched.append(BatchedValue(value.inFront, axis: 0))
            rows.append(MLXArray(stand))
        }
        guard let size else { throw .caught("[vmap] no argument has an axis to repeat over") }
        var outputs = Trace.keepingGraph { function(rows) }
        try check(outAxes, for: outputs.count, "outAxes")
        let order = Walk.nodes(between: stands, and: outputs)
        defer { Walk.release(order) }
        batched.isOwn = isOwn(order[stands.count...], &outputs)
        for position in stands.count..<order.count { call(order[position], &batched, size) }
        for index in outputs.indices {
            let result = batched[outputs[index].value]
            // A call that has become the one over all is the result under the same name.
            if result.axis == 0, axis(outAxes, index) == 0,
                result.value.node === outputs[index].value.node
            {
                continue
            }
            outputs[index] = placed(result, axis(outAxes, index), size)
        }
        return outputs
    }

    /// Whether nobody but the calls among them and the outputs holds any of the calls: then no new
    /// ones are needed. The function may have kept an array of its own.
    private func isOwn(_ calls: ArraySlice<Node>, _ outputs: inout [MLXArray]) -> Bool {
        var unknown = 0
        for node in calls {
            unknown += node.holders.load(ordering: .relaxed)
            node.visitInputs { if $0.mark >= calls.startIndex { unknown -= 1 } }
        }
        for index in outputs.indices where outputs[index].value.node.mark >= calls.startIndex {
            guard isKnownUniquelyReferenced(&outputs[index]) else { return false }
            unknown -= 1
        }
        return unknown == 0
    }

    private func mismatch(_ arguments: [MLXArray]) -> MLXError {
        let axes = arguments.indices.map { axis(inAxes, $0) }
        return .caught(
            "[vmap] the arguments' axes differ in size: \(arguments.map(\.shape)) over \(axes)")
    }

    /// The axis of one of several arrays; a single axis is that of all.
    private func axis(_ axes: [Int?], _ index: Int) -> Int? {
        axes.count == 1 ? axes[0] : axes[index]
    }

    private func check(_ axes: [Int?], for count: Int, _ name: String) throws(MLXError) {
        guard axes.count == count || axes.count == 1 else {
            throw .caught("[vmap] \(axes.count) \(name) for \(count) arrays")
        }
    }

    /// Makes one node's call over the batch, or as it is where none of its inputs has the axis.
    private func call(_ node: Node, _ batched: inout BatchedValues, _ size: Int) {
        guard let primitive = node.primitive else { return batched.append([], of: node) }
        let inputs = node.inputs.mapped { batched[$0] }
        var (hasAxis, allHave) = (false, true)
        inputs.visit {
            hasAxis = hasAxis || $0.axis != nil
            allHave = allHave && $0.axis != nil
        }
        if primitive.isTracer { return batched.append(inputs[0]) }
        if hasAxis, node.isElementwise {
            let all = elementwise(node, primitive, inputs, size, isOwn: batched.isOwn)
            return batched.append(BatchedValue(Node.Value(node: all, index: 0), axis: 0))
        }
        if allHave, case .one(let spec) = node.specs {
            let shape = [size] + spec.shape
            if let wide = primitive.widened(to: shape) {
                let all = called(
                    node, wide, inputs.mapped(\.inFront), Spec(shape, spec.dtype),
                    isOwn: batched.isOwn)
                return batched.append(BatchedValue(Node.Value(node: all, index: 0), axis: 0))
            }
        }
        if hasAxis {
            let batch = Batch(size: size, isBatched: inputs.map { $0.axis != nil })
            let results = primitive.vmap(inputs.map { MLXArray($0.inFront) }, batch)
            return batched.append(results, of: node)
        }
        let same = Node(
            primitive, inputs: inputs.mapped(\.value), specs: node.specs, kernel: node.tileKernel)
        let results = node.specs.indices.map { MLXArray(Node.Value(node: same, index: $0)) }
        batched.append(results.map { Batched($0, axis: nil) }, of: node)
    }

    /// The same elementwise call on all elements: it is known to be right, and its kernel too.
    private func elementwise(
        _ node: Node, _ primitive: any Primitive, _ inputs: Few<BatchedValue>, _ size: Int,
        isOwn: Bool
    ) -> Node {
        let inFront = inputs.mapped { BatchedValue($0.inFront, axis: $0.axis) }
        var known: [Int]?
        inFront.visit { if $0.axis != nil { known = $0.value.spec.shape } }
        let shape = known ?? [size] + node.single.shape
        return called(
            node, primitive,
            inFront.mapped { $0.axis == nil ? $0.stretched(to: shape) : $0.value },
            Spec(shape, node.single.dtype), isOwn: isOwn)
    }

    /// A call over the batch: the one of a row, which becomes it where it is nobody else's.
    private func called(
        _ node: Node, _ primitive: any Primitive, _ inputs: Few<Node.Value>, _ spec: Spec,
        isOwn: Bool
    ) -> Node {
        guard isOwn, !node.isDone, !primitive.hasEffect else {
            return Node(primitive, inputs: inputs, specs: .one(spec), kernel: node.tileKernel)
        }
        node.become(primitive, inputs: inputs, spec: spec)
        return node
    }

    /// A result with its axis where it is asked for; without one where none is.
    private func placed(_ result: BatchedValue, _ place: Int?, _ size: Int) -> MLXArray {
        guard let place else { return MLXArray(result.inFront) }
        if let axis = result.axis {
            let array = MLXArray(result.value)
            return axis == place ? array : movedAxis(array, source: axis, destination: place)
        }
        let all = MLXArray(result.stretched(to: [size] + result.value.spec.shape))
        return place == 0 ? all : movedAxis(all, source: 0, destination: place)
    }
}

/// What the values of a walk are over the batch, by the marks of their nodes.
private struct BatchedValues {
    /// The first result of each node, and the others of those that have more.
    private var firsts: [BatchedValue] = []
    private var others: [Int: [BatchedValue]] = [:]
    /// Whether the calls are nobody else's.
    var isOwn = false

    init(capacity: Int) { firsts.reserveCapacity(capacity) }

    /// Adds the only result of the next node.
    mutating func append(_ value: BatchedValue) { firsts.append(value) }

    /// Adds the results of the next node; one that is missing is the same for all.
    mutating func append(_ results: [Batched], of node: Node) {
        if results.count > 1 {
            others[firsts.count] = results.dropFirst().map { BatchedValue($0) }
        }
        let same = BatchedValue(Node.Value(node: node, index: 0), axis: nil)
        firsts.append(results.isEmpty ? same : BatchedValue(results[0]))
    }

    /// What a value is over the batch: the same for all where no argument leads to it.
    subscript(value: Node.Value) -> BatchedValue {
        let mark = value.node.mark
        if mark >= 0 {
            if value.index == 0 { return firsts[mark] }
            if let others = others[mark], others.indices ~= value.index - 1 {
                return others[value.index - 1]
            }
        }
        return BatchedValue(value, axis: nil)
    }
}

/// A value of the traced function over the batch, and where its axis is; nil where the value is the
/// same for all.
private struct BatchedValue {
    let value: Node.Value
    let axis: Int?

    init(_ value: Node.Value, axis: Int?) {
        self.value = value
        self.axis = axis
    }

    init(_ result: Batched) { self.init(result.array.value, axis: result.axis) }

    /// The value with its axis in front, or as it is where it has none.
    var inFront: Node.Value {
        guard let axis, axis != 0 else { return value }
        return movedAxis(MLXArray(value), source: axis, destination: 0).value
    }

    /// A value without the axis as often as there are indices.
    func stretched(to shape: [Int]) -> Node.Value { stretchedOnce(value, to: shape) }
}
