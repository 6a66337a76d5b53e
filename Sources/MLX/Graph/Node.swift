import Synchronization

/// One call of a primitive in the graph: pending, with its inputs; or done, with its tensors.
///
/// Nodes are made, walked and released without recursion, so that a graph may be as deep as memory
/// allows. A node belongs to the threads that its arrays belong to; evaluations take turns.
package final class Node: @unchecked Sendable {
    // Unchecked: the fields change only inside an evaluation, under its lock.

    /// One output of a node.
    package struct Value {
        package internal(set) var node: Node
        package let index: Int

        package var spec: Spec { node.several == nil ? node.single : node.specOfSeveral(index) }

        package var dtype: DType {
            node.several == nil ? node.single.dtype : node.specOfSeveral(index).dtype
        }

        /// Whether the values are of one shape and type.
        @inline(__always)
        func isLike(_ other: Value) -> Bool {
            node.several == nil && other.node.several == nil
                ? node.single == other.node.single : spec == other.spec
        }
    }

    /// The primitive of a call that is not done. By this name it has no value before a node's
    /// initialization gives it one: written with a question mark, each node would begin with nil.
    package typealias PendingPrimitive = (any Primitive)?
    /// The results of a call that is done, or a value that was there.
    package typealias Results = Few<Tensor>?

    /// The only result; of a call with several the first.
    @exclusivity(unchecked) private(set) var single: Spec
    /// The results of a call that has not one.
    private let several: Few<Spec>?

    /// Whether the call has not one result.
    var isOfSeveral: Bool { several != nil }

    package var specs: Few<Spec> { several ?? .one(single) }

    // Out of line, so that nothing is copied where there is one result.
    @inline(never)
    private func specOfSeveral(_ index: Int) -> Spec { specs[index] }

    // Read so often that checks for overlapping accesses would be felt; no access spans another.
    @exclusivity(unchecked) private(set) var primitive: PendingPrimitive
    @exclusivity(unchecked) private(set) var inputs: Few<Value>
    /// The nodes of one input or two, which are looked at so often that the counting of references
    /// would be felt; noted whenever the inputs are set.
    @exclusivity(unchecked) private var looked: (Unmanaged<Node>?, Unmanaged<Node>?) = (nil, nil)
    @exclusivity(unchecked) private(set) var tensors: Results
    /// Where the first element of the only result lies and how the others follow, once it is there:
    /// read without counting references.
    @exclusivity(unchecked) private var address: UnsafeMutableRawPointer?
    @exclusivity(unchecked) private var order = Layout.Order.other

    /// The kernel of the call if it is elementwise.
    let tileKernel: TileKernel?

    /// Whether the value depends on an input of a transform that is at work.
    @exclusivity(unchecked) package private(set) var isTraced: Bool

    /// Whether the value was there from the start; then any thread may read it at any time.
    let isGiven: Bool
    /// Whether all elements are one number, as far as was known at the start.
    @exclusivity(unchecked) private(set) var isSingle: Bool
    /// The bits of a number that stands beside arrays, or of one stretched.
    let number: UInt64?
    /// Whether the node never had inputs.
    private let isLeaf: Bool

    /// How many arrays and pending nodes hold this node, which is not counted where the value was
    /// there from the start: when they are more than an evaluation knows of, somebody will ask for
    /// the value later.
    let holders = Atomic<Int>(0)

    /// This node's position in the list of the walk that is at work; -1 outside walks.
    @exclusivity(unchecked) var mark = -1

    /// A pending call.
    convenience init(_ primitive: some Primitive, inputs: Few<Value>, specs: Few<Spec>) {
        self.init(
            primitive, inputs: inputs, specs: specs,
            kernel: primitive.kernel(inputs.mapped(\.dtype)))
    }

    /// A pending call whose kernel is known.
    convenience init(
        _ primitive: any Primitive, inputs: Few<Value>, specs: Few<Spec>, kernel: TileKernel?
    ) {
        if case .one(let spec) = specs {
            self.init(primitive, inputs: inputs, spec: spec, kernel: kernel)
        } else {
            self.init(
                primitive, inputs: inputs, spec: specs.first ?? Spec([0], .float32),
                several: specs, kernel: kernel)
        }
    }

    /// A pending call whose kernel is known, of one result or of several, the first of which `spec`
    /// describes.
    init(
        _ primitive: any Primitive, inputs: consuming Few<Value>, spec: consuming Spec,
        several: Few<Spec>? = nil, kernel: TileKernel?
    ) {
        isSingle = several == nil && (spec.isSingle || inputs.isSingle)
        if case .none = inputs { isLeaf = true } else { isLeaf = false }
        let hasEffect = kernel == nil && primitive.hasEffect && Trace.isRecording
        isTraced = hasEffect || primitive.isTracer
        self.primitive = primitive
        self.inputs = consume inputs
        single = consume spec
        self.several = several
        tensors = nil
        address = nil
        tileKernel = kernel
        isGiven = false
        number = nil
        noteInputs()
        holdInputs()
        if hasEffect { Trace.keep(effect: self) }
    }

    /// A value that is not there yet, and comes from no input.
    init(_ standIn: StandIn, _ spec: Spec) {
        (single, several) = (spec, nil)
        primitive = standIn
        inputs = .none
        tensors = nil
        address = nil
        tileKernel = nil
        isTraced = true
        isGiven = false
        isSingle = spec.isSingle
        number = nil
        isLeaf = true
    }

    /// A value that is there already.
    init(_ tensor: Tensor) {
        (single, several) = (Spec(tensor.shape, tensor.dtype), nil)
        primitive = nil
        tensors = .one(tensor)
        (address, order) = (tensor.address, tensor.layout.order)
        inputs = .none
        tileKernel = nil
        isTraced = false
        isGiven = true
        isSingle = tensor.layout.isSingle
        number = tensor.storage.number
        isLeaf = true
    }

    package var isDone: Bool { tensors != nil }

    @inline(__always)
    private func noteInputs() {
        switch inputs {
        case .one(let input): looked = (.passUnretained(input.node), nil)
        case .two(let first, let second):
            looked = (.passUnretained(first.node), .passUnretained(second.node))
        default: looked = (nil, nil)
        }
    }

    /// Calls the body with the node of each input.
    @inline(__always)
    func visitInputs(_ body: (Node) -> Void) {
        if let first = looked.0 {
            first._withUnsafeGuaranteedRef(body)
            if let second = looked.1 { second._withUnsafeGuaranteedRef(body) }
        } else if case .many(let inputs) = inputs {
            for input in inputs { body(input.node) }
        }
    }

    /// The numbers that are found for the inputs of an elementwise node, by their nodes and which
    /// result of it they are.
    @inline(__always)
    func operands(_ number: (Node, Int) -> Int) -> TileProgram.Operands {
        var operands = TileProgram.Operands()
        if let first = looked.0 {
            operands.first = first._withUnsafeGuaranteedRef { number($0, index(of: 0, $0)) }
            if let second = looked.1 {
                operands.second = second._withUnsafeGuaranteedRef { number($0, index(of: 1, $0)) }
            }
        } else if case .many(let inputs) = inputs {
            operands.first = number(inputs[0].node, inputs[0].index)
            operands.second = number(inputs[1].node, inputs[1].index)
            operands.third = number(inputs[2].node, inputs[2].index)
            if inputs.count > 3 { operands.fourth = number(inputs[3].node, inputs[3].index) }
        }
        return operands
    }

    /// Which result of its node an input is.
    @inline(__always)
    private func index(of input: Int, _ node: Node) -> Int {
        node.several == nil ? 0 : inputs[input].index
    }

    /// Puts the nodes of inputs on a stack, the first one on top; whether there was any. This node
    /// holds them.
    @inline(__always)
    func pushInputs(
        onto stack: inout [Unmanaged<Node>], where isWanted: (Node) -> Bool
    ) -> Bool {
        let depth = stack.count
        if let first = looked.0 {
            if let second = looked.1, second._withUnsafeGuaranteedRef(isWanted) {
                stack.append(second)
            }
            if first._withUnsafeGuaranteedRef(isWanted) { stack.append(first) }
        } else if case .many(let inputs) = inputs {
            for input in inputs.reversed() where isWanted(input.node) {
                stack.append(.passUnretained(input.node))
            }
        }
        return stack.count > depth
    }

    /// The size of the first axis of the only result, where a row along it is like the result of
    /// another node.
    func rowCount(like row: Node) -> Int? {
        guard several == nil, single.dtype == row.single.dtype,
            single.shape.count == row.single.shape.count + 1
        else { return nil }
        for axis in row.single.shape.indices
        where row.single.shape[axis] != single.shape[axis + 1] { return nil }
        return single.shape[0]
    }

    /// Whether the first input is elementwise and pending, and is read as it is made.
    var takesElements: Bool {
        guard let input = firstInput, input.tileKernel != nil, !input.isDone,
            let reading = primitive?.tileReading
        else { return false }
        return reading.takesElements(of: input.single)
    }

    /// Whether the tiles that this node makes, or reads, are of the shape of an elementwise node's.
    @inline(__always)
    func hasTiles(like node: Node) -> Bool {
        if tileKernel != nil { return single.shape == node.single.shape }
        return firstInput.map { $0.single.shape == node.single.shape } ?? false
    }

    private var firstInput: Node? {
        if let first = looked.0 { return first._withUnsafeGuaranteedRef { $0 } }
        return inputs.first?.node
    }

    /// The memory of the only input; nil where there are others, or it is not there yet.
    var onlyInput: Tensor? { if case .one(let input) = inputs { input.tensor } else { nil } }

    func retainValue() { if !isGiven { holders.wrappingAdd(1, ordering: .relaxed) } }
    func releaseValue() { if !isGiven { holders.wrappingSubtract(1, ordering: .relaxed) } }

    /// New memory for the results of a primitive from some inputs.
    func newResults(of primitive: any Primitive, from inputs: [Tensor]) -> [Tensor] {
        if !isOfSeveral {
            return [
                Tensor(primitive.layout(ofResult: 0, single.shape, from: inputs), single.dtype)
            ]
        }
        return specs.enumerated().map { index, spec in
            Tensor(primitive.layout(ofResult: index, spec.shape, from: inputs), spec.dtype)
        }
    }

    /// Keeps the results.
    func finish(_ results: consuming [Tensor]) {
        if !isOfSeveral, let result = results.popLast() {
            finish(result)
        } else {
            tensors = Few(results)
        }
    }

    /// Keeps the only result.
    func finish(_ result: consuming Tensor) {
        (address, order) = (result.address, result.layout.order)
        tensors = .one(result)
    }

    /// Keeps the only result, whose elements lie in row-major order from the start of that memory.
    func finish(_ memory: consuming Storage) {
        (address, order) = (memory.address, .row)
        tensors = .one(
            Tensor(
                storage: consume memory, layout: Layout(contiguous: single.shape),
                dtype: single.dtype))
    }

    /// Hands out the memory of the only result, without which the node is left, for a result of
    /// another node: nil where somebody else holds it or it would not fit.
    func giveMemory(for spec: Spec) -> Storage? {
        guard order == .row, single.shape == spec.shape, single.dtype.size == spec.dtype.size,
            case .one(var tensor) = tensors
        else { return nil }
        tensors = nil
        guard isKnownUniquelyReferenced(&tensor.storage), tensor.storage.isReusable,
            tensor.storage.byteCount == spec.byteCount
        else {
            tensors = .one(tensor)
            return nil
        }
        return tensor.storage
    }

    /// Lets go of the primitive and the inputs.
    func detach() {
        visitInputs { $0.releaseValue() }
        primitive = nil
        looked = (nil, nil)
        inputs = .none
    }

    /// Makes a pending call, whose holders all know of it, one that is computed the same way.
    func become(_ primitive: any Primitive, inputs: Few<Value>, shape: [Int]) {
        self.primitive = primitive
        become(inputs: inputs, shape: shape)
    }

    /// Makes a pending call, whose holders all know of it, the same call on other inputs.
    func become(inputs: consuming Few<Value>, shape: consuming [Int]) {
        visitInputs { $0.releaseValue() }
        single.shape = shape
        self.inputs = consume inputs
        noteInputs()
        isSingle = single.isSingle || self.inputs.isSingle
        isTraced = false
        holdInputs()
    }

    /// Counts this node among the holders of its inputs; it is traced if one of them is.
    @inline(__always)
    private func holdInputs() {
        var isTraced = isTraced
        visitInputs {
            $0.retainValue()
            isTraced = isTraced || $0.isTraced
        }
        self.isTraced = isTraced
    }

    /// Undoes ``detach()`` with the inputs' memory, for a call that has failed.
    func reattach(_ primitive: any Primitive, _ tensors: [Tensor]) {
        self.primitive = primitive
        inputs = Few(tensors) { Value(node: Node($0), index: 0) }
        noteInputs()
        visitInputs { $0.retainValue() }
    }

    deinit {
        if isLeaf { return }
        if case .none = inputs { return }
        var stack: [Node] = []
        letGo(inputs, onto: &stack)
        // What is on the stack is let go there.
        if !stack.isEmpty { inputs = .none }
        while var node = stack.popLast() {
            if isKnownUniquelyReferenced(&node) {
                let inputs = node.inputs
                node.inputs = .none
                node.noteInputs()
                letGo(inputs, onto: &stack)
            }
        }
    }

    /// Lets go of inputs and puts those that may have inputs on the stack. What these are is looked
    /// at only when nobody else knows them any more: another thread may be computing them.
    private func letGo(_ inputs: Few<Value>, onto stack: inout [Node]) {
        inputs.visit { input in
            input.node.releaseValue()
            if !input.node.isLeaf { stack.append(input.node) }
        }
    }
}

extension Node.Value: TileInput {
    func source(keeping copies: inout [StridedCopy]) -> Tiles.Source {
        if let source = node.source { return source }
        guard let tensor else { preconditionFailure("a value that is read before it is there") }
        return tensor.source(keeping: &copies)
    }
}

extension Node {
    /// How the only result reaches a tile program; nil where more than its address is needed.
    @inline(__always)
    fileprivate var source: Tiles.Source? {
        guard let address else { return nil }
        return switch order {
        case .row: .direct(address, itemSize: single.dtype.size)
        case .single: .spread(address, itemSize: single.dtype.size)
        case .other: nil
        }
    }
}

extension Few<Node.Value> {
    /// Whether this is one input that is one number.
    @inline(__always)
    fileprivate var isSingle: Bool {
        if case .one(let input) = self { input.spec.isSingle } else { false }
    }
}

extension Spec {
    @inline(__always)
    fileprivate var isSingle: Bool { shape.allSatisfy { $0 == 1 } }
}
