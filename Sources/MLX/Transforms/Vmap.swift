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
    let vmap = Vmap(function: f, inAxes: Array(inAxes), outAxes: Array(outAxes))
    return { arguments in
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        do throws(MLXError) {
            return try vmap.run(arguments)
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
// Calls take turns under the lock of evaluations.
private final class Vmap {
    private let function: ([MLXArray]) -> [MLXArray]
    private let inAxes: [Int?]
    private let outAxes: [Int?]
    /// What the last call was traced on, if nobody else has it.
    private var kept = TracedRows()

    init(function: @escaping ([MLXArray]) -> [MLXArray], inAxes: [Int?], outAxes: [Int?]) {
        self.function = function
        self.inAxes = inAxes
        self.outAxes = outAxes
    }

    func run(_ arguments: [MLXArray]) throws(MLXError) -> [MLXArray] {
        try check(inAxes, for: arguments.count, "inAxes")
        var batched = BatchedValues()
        defer { batched.release() }
        // The function may call this vmap.
        var traced = TracedRows()
        swap(&traced, &kept)
        let size = try prepare(&traced, for: arguments, &batched)
        var outputs = Trace.keepingGraph { function(traced.rows) }
        try check(outAxes, for: outputs.count, "outAxes")
        let first = traced.standCount
        let order = Walk.nodes(between: traced.takeStands(), and: outputs)
        do {
            defer { Walk.release(order) }
            batched.isOwn = isOwn(order[first...], &outputs)
            for position in first..<order.count { call(order[position], &batched, size) }
            for index in outputs.indices {
                let (value, place) = (outputs[index].value, axis(outAxes, index))
                // A call that has become the one over all is the result under the same name.
                if place == 0, batched.isInPlace(value) { continue }
                outputs[index] = placed(batched[value], place, size)
            }
        }
        traced.giveBack(consume order, first)
        if traced.isFree { swap(&traced, &kept) }
        return outputs
    }

    /// Lists what the function is called with, and the arguments over the batch; the batch's size.
    private func prepare(
        _ traced: inout TracedRows, for arguments: [MLXArray], _ batched: inout BatchedValues
    ) throws(MLXError) -> Int {
        var size: Int?
        traced.reserve(arguments.count)
        for index in arguments.indices {
            let value = arguments[index].value
            guard let axis = axis(inAxes, index) else {
                traced.add(value)
                continue
            }
            if axis == 0, let own = traced.rowCount(index, of: value) {
                guard size == nil || size == own else { throw mismatch(arguments) }
                size = own
                batched.append(BatchedValue(value, axis: 0))
                continue
            }
            let spec = value.spec
            let rank = spec.shape.count
            let place = axis < 0 ? axis + rank : axis
            guard 0..<rank ~= place else {
                throw .caught("[vmap] axis \(axis) does not fit an argument of shape \(spec.shape)")
            }
            let own = spec.shape[place]
            guard size == nil || size == own else { throw mismatch(arguments) }
            size = own
            if place == 0 {
                batched.append(BatchedValue(value, axis: 0))
            } else {
                batched.append(BatchedValue(BatchedValue(value, axis: place).inFront, axis: 0))
            }
            traced.set(index, toRowOf: spec, at: place)
        }
        guard let size else { throw .caught("[vmap] no argument has an axis to repeat over") }
        return size
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
        if node.isElementwise, let result = elementwise(node, batched, size) {
            return batched.append(result)
        }
        guard let primitive = node.primitive else { return batched.append([], of: node) }
        let inputs = node.inputs.mapped { batched[$0] }
        var (hasAxis, allHave) = (false, true)
        inputs.visit {
            hasAxis = hasAxis || $0.axis != nil
            allHave = allHave && $0.axis != nil
        }
        if primitive.isTracer { return batched.append(inputs[0]) }
        if allHave, case .one(let spec) = node.specs {
            let shape = repeated(spec.shape, size)
            if let wide = primitive.widened(to: shape) {
                return batched.append(
                    called(node, wide, inputs.mapped(\.inFront), shape, isOwn: batched.isOwn))
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

    /// The same elementwise call on all elements: it is known to be right, and its kernel too. Nil
    /// where no input has the axis.
    private func elementwise(_ node: Node, _ batched: BatchedValues, _ size: Int) -> BatchedValue? {
        var (hasAxis, inFront): (Bool, Int?) = (false, nil)
        node.visitInputs { input in
            hasAxis = hasAxis || batched.hasAxis(input)
            if inFront == nil { inFront = batched.placeInFront(input) }
        }
        guard hasAxis else { return nil }
        let shape = inFront.map { batched.shape(at: $0) } ?? repeated(node.single.shape, size)
        let all = node.inputs.mapped { input in
            let value = batched[input]
            return value.axis == nil ? value.stretched(to: shape) : value.inFront
        }
        guard batched.isOwn, !node.isDone else {
            return node.primitive.map { called(node, $0, all, shape, isOwn: false) }
        }
        node.become(inputs: all, shape: shape)
        return BatchedValue(node)
    }

    /// A shape of a row's, over the batch.
    private func repeated(_ shape: [Int], _ size: Int) -> [Int] {
        var all: [Int] = []
        all.reserveCapacity(shape.count + 1)
        all.append(size)
        for length in shape { all.append(length) }
        return all
    }

    /// A call over the batch: the one of a row, which becomes it where it is nobody else's.
    private func called(
        _ node: Node, _ primitive: any Primitive, _ inputs: Few<Node.Value>, _ shape: [Int],
        isOwn: Bool
    ) -> BatchedValue {
        if isOwn, !node.isDone, !primitive.hasEffect {
            node.become(primitive, inputs: inputs, shape: shape)
            return BatchedValue(node)
        }
        let spec = Spec(shape, node.single.dtype)
        return BatchedValue(
            Node(primitive, inputs: inputs, specs: .one(spec), kernel: node.tileKernel))
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

/// What a function of one row is traced on: an array for each argument, and the stand-ins of those
/// that have an axis to repeat over.
private struct TracedRows {
    private(set) var rows: [MLXArray] = []
    private var stands: [Node] = []
    var standCount: Int { stands.count }

    /// Whether they serve another call: all are stand-ins that nobody else has.
    var isFree: Bool {
        mutating get {
            guard stands.count == rows.count else { return false }
            for index in rows.indices {
                guard isKnownUniquelyReferenced(&rows[index]),
                    rows[index].value.node === stands[index],
                    stands[index].holders.load(ordering: .relaxed) == 1
                else { return false }
            }
            return true
        }
    }

    /// Makes room for so many arguments; those of another call serve only as many.
    mutating func reserve(_ count: Int) {
        guard rows.count != count else { return }
        (rows, stands) = ([], [])
        rows.reserveCapacity(count)
        // The walk adds the calls to them.
        stands.reserveCapacity(count + 8)
    }

    /// Adds an argument that is the same for all.
    mutating func add(_ value: Node.Value) { rows.append(MLXArray(value)) }

    /// How many rows an array has, where the argument stands for one of them already.
    @inline(__always)
    func rowCount(_ index: Int, of all: Node.Value) -> Int? {
        index < stands.count ? all.node.rowCount(like: stands[index]) : nil
    }

    /// Makes an argument a stand-in for what is left of an array without an axis.
    mutating func set(_ index: Int, toRowOf all: Spec, at axis: Int) {
        var spec = all
        spec.shape.remove(at: axis)
        let stand = Node.standIn(spec, for: .vmap)
        if index < rows.count {
            rows[index] = MLXArray(stand)
            stands[index] = stand
        } else {
            rows.append(MLXArray(stand))
            stands.append(stand)
        }
    }

    /// Hands the stand-ins to a walk.
    mutating func takeStands() -> [Node] {
        defer { stands = [] }
        return stands
    }

    /// Takes the stand-ins, the first of a walk's nodes, and the list's memory back.
    mutating func giveBack(_ order: consuming [Node], _ count: Int) {
        while order.count > count { order.removeLast() }
        stands = order
    }
}

/// What the values of a walk are over the batch, by the marks of their nodes.
private struct BatchedValues {
    /// An empty list with memory for first results.
    // Unchecked: vmaps take turns under the lock of evaluations.
    @exclusivity(unchecked) nonisolated(unsafe) private static var spare: [BatchedValue] = []
    private static let mostKept = 1024

    /// The first result of each node, and the others of those that have more.
    private var firsts: [BatchedValue] = []
    private var others: [Int: [BatchedValue]] = [:]
    /// Whether the calls are nobody else's.
    var isOwn = false

    init() { swap(&firsts, &Self.spare) }

    /// Lets go of the values, and keeps the list's memory for the next.
    mutating func release() {
        if firsts.count > Self.mostKept { return }
        firsts.removeAll(keepingCapacity: true)
        swap(&firsts, &Self.spare)
    }

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

    /// Whether a value is the one over the batch itself, with its axis in front.
    func isInPlace(_ value: Node.Value) -> Bool {
        let mark = value.node.mark
        guard value.index == 0, mark >= 0 else { return false }
        return firsts[mark].axis == 0 && firsts[mark].value.node === value.node
    }

    /// Whether a result of a node has the axis.
    func hasAxis(_ node: Node) -> Bool {
        let mark = node.mark
        guard mark >= 0 else { return false }
        if firsts[mark].axis != nil { return true }
        return others[mark]?.contains { $0.axis != nil } ?? false
    }

    /// The place of the only result of a node, where its axis is in front.
    func placeInFront(_ node: Node) -> Int? {
        let mark = node.mark
        guard mark >= 0, firsts[mark].axis == 0, others[mark] == nil else { return nil }
        return mark
    }

    /// The shape over the batch of the result at a place.
    func shape(at place: Int) -> [Int] { firsts[place].value.spec.shape }

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

    /// The only result of a call over the batch.
    init(_ node: Node) { self.init(Node.Value(node: node, index: 0), axis: 0) }

    /// The value with its axis in front, or as it is where it has none.
    var inFront: Node.Value { axis == nil || axis == 0 ? value : movedInFront }

    @inline(never)
    private var movedInFront: Node.Value {
        guard let axis else { return value }
        return movedAxis(MLXArray(value), source: axis, destination: 0).value
    }

    /// A value without the axis as often as there are indices.
    func stretched(to shape: [Int]) -> Node.Value { stretchedOnce(value, to: shape) }
}
