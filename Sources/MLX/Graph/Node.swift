import Synchronization

/// One call of a primitive in the graph: pending, with its inputs; or done, with its tensors.
///
/// Nodes are made, walked and released without recursion, so that a graph may be as deep as memory
/// allows. A node belongs to the threads that its arrays belong to; evaluations take turns.
package final class Node: @unchecked Sendable {
    // Unchecked: the fields change only inside an evaluation, under its lock.

    /// One output of a node.
    package struct Value {
        package let node: Node
        package let index: Int

        package var spec: Spec {
            guard let several = node.several else { return node.single }
            return several[index]
        }

        package var dtype: DType {
            guard let several = node.several else { return node.single.dtype }
            return several[index].dtype
        }
    }

    /// The only result; of a call with several the first.
    @exclusivity(unchecked) private(set) var single: Spec
    /// The results of a call that has not one.
    private let several: Few<Spec>?

    package var specs: Few<Spec> { several ?? .one(single) }

    // Read so often that checks for overlapping accesses would be felt; no access spans another.
    @exclusivity(unchecked) private(set) var primitive: (any Primitive)?
    @exclusivity(unchecked) private(set) var inputs: Few<Value>
    @exclusivity(unchecked) private(set) var tensors: Few<Tensor>?

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

    /// How many arrays and pending nodes hold this node: when they are more than an evaluation
    /// knows of, somebody will ask for the value later.
    let holders = Atomic<Int>(0)

    /// This node's position in the list of the walk that is at work; -1 outside walks.
    @exclusivity(unchecked) var mark = -1

    /// A pending call.
    convenience init(_ primitive: some Primitive, inputs: Few<Value>, specs: Few<Spec>) {
        self.init(
            primitive, inputs: inputs, specs: specs,
            kernel: primitive.kernel(inputs.mapped(\.spec.dtype)))
    }

    /// A pending call whose kernel is known.
    init(_ primitive: any Primitive, inputs: Few<Value>, specs: Few<Spec>, kernel: TileKernel?) {
        self.primitive = primitive
        self.inputs = inputs
        tileKernel = kernel
        isGiven = false
        number = nil
        if case .one(let spec) = specs {
            (single, several) = (spec, nil)
            isSingle = spec.isSingle || inputs.isSingle
        } else {
            (single, several) = (specs.first ?? Spec([0], .float32), specs)
            isSingle = false
        }
        if case .none = inputs { isLeaf = true } else { isLeaf = false }
        let hasEffect = kernel == nil && primitive.hasEffect && Trace.isRecording
        var isTraced = hasEffect || primitive.isTracer
        inputs.visit { input in
            input.node.retainValue()
            isTraced = isTraced || input.node.isTraced
        }
        self.isTraced = isTraced
        if hasEffect { Trace.keep(effect: self) }
    }

    /// A value that is there already.
    init(_ tensor: Tensor) {
        (single, several) = (Spec(tensor.shape, tensor.dtype), nil)
        tensors = .one(tensor)
        inputs = .none
        tileKernel = nil
        isTraced = false
        isGiven = true
        isSingle = tensor.layout.isSingle
        number = tensor.storage.number
        isLeaf = true
    }

    package var isDone: Bool { tensors != nil }

    /// Calls the body with the node of each input.
    @inline(__always)
    func visitInputs(_ body: (Node) -> Void) {
        switch inputs {
        case .none: break
        case .one(let input): body(input.node)
        case .two(let first, let second):
            body(first.node)
            body(second.node)
        case .many(let inputs): for input in inputs { body(input.node) }
        }
    }

    /// Puts the nodes of inputs on a stack, the first one on top; whether there was any.
    @inline(__always)
    func pushInputs(onto stack: inout [Node], where isWanted: (Node) -> Bool) -> Bool {
        let depth = stack.count
        switch inputs {
        case .none: break
        case .one(let input): if isWanted(input.node) { stack.append(input.node) }
        case .two(let first, let second):
            if isWanted(second.node) { stack.append(second.node) }
            if isWanted(first.node) { stack.append(first.node) }
        case .many(let inputs):
            for input in inputs.reversed() where isWanted(input.node) { stack.append(input.node) }
        }
        return stack.count > depth
    }

    func retainValue() { holders.wrappingAdd(1, ordering: .relaxed) }
    func releaseValue() { holders.wrappingSubtract(1, ordering: .relaxed) }

    /// Keeps the results.
    func finish(_ results: Few<Tensor>) { tensors = results }

    /// Lets go of the primitive and the inputs, and hands the inputs out.
    @discardableResult
    func detach() -> Few<Value> {
        let detached = inputs
        primitive = nil
        inputs = .none
        detached.visit { $0.node.releaseValue() }
        return detached
    }

    /// Makes a pending call, whose holders all know of it, the same call on other inputs or one that
    /// is computed the same way.
    func become(_ primitive: any Primitive, inputs: Few<Value>, spec: Spec) {
        var isTraced = false
        inputs.visit { input in
            input.node.retainValue()
            isTraced = isTraced || input.node.isTraced
        }
        self.inputs.visit { $0.node.releaseValue() }
        (self.primitive, self.inputs, single) = (primitive, inputs, spec)
        (self.isTraced, isSingle) = (isTraced, spec.isSingle || inputs.isSingle)
    }

    /// Undoes ``detach()`` with the inputs' memory, for a call that has failed.
    func reattach(_ primitive: any Primitive, _ tensors: [Tensor]) {
        self.primitive = primitive
        inputs = Few(tensors.map { Value(node: Node($0), index: 0) })
        inputs.visit { $0.node.retainValue() }
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
