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

        package var spec: Spec { node.specs[index] }
    }

    package let specs: Few<Spec>
    private(set) var primitive: (any Primitive)?
    private(set) var inputs: Few<Value>
    private(set) var tensors: Few<Tensor>?

    /// The kernel of the call if it is elementwise.
    let tileKernel: TileKernel?

    /// Whether the value depends on an input of a transform that is at work.
    package let isTraced: Bool

    /// Whether the value was there from the start; then any thread may read it at any time.
    let isGiven: Bool
    /// Whether such a value is one number, however often.
    let isSingle: Bool

    /// How many arrays and pending nodes hold this node: when they are more than an evaluation
    /// knows of, somebody will ask for the value later.
    let holders = Atomic<Int>(0)

    /// This node's position in the list of the walk that is at work; -1 outside walks.
    var mark = -1

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
        self.specs = specs
        tileKernel = kernel
        isGiven = false
        isSingle = false
        var isTraced = primitive.isTracer
        inputs.visit { input in
            input.node.retainValue()
            isTraced = isTraced || input.node.isTraced
        }
        self.isTraced = isTraced
    }

    /// A value that is there already.
    init(_ tensor: Tensor) {
        specs = .one(Spec(tensor.shape, tensor.dtype))
        tensors = .one(tensor)
        inputs = .none
        tileKernel = nil
        isTraced = false
        isGiven = true
        isSingle = tensor.layout.isSingle
    }

    package var isDone: Bool { tensors != nil }

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

    /// Undoes ``detach()`` with the inputs' memory, for a call that has failed.
    func reattach(_ primitive: any Primitive, _ tensors: [Tensor]) {
        self.primitive = primitive
        inputs = Few(tensors.map { Value(node: Node($0), index: 0) })
        inputs.visit { $0.node.retainValue() }
    }

    deinit {
        if case .none = inputs { return }
        var stack: [Node] = []
        detach(onto: &stack)
        while var node = stack.popLast() {
            if isKnownUniquelyReferenced(&node) { node.detach(onto: &stack) }
        }
    }

    /// Lets go of the inputs and puts them on the stack. What they are is looked at only when nobody
    /// else knows them any more: another thread may be computing them.
    private func detach(onto stack: inout [Node]) {
        detach().visit { stack.append($0.node) }
    }
}
