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

    package let specs: [Spec]
    package private(set) var primitive: (any Primitive)?
    package private(set) var inputs: [Value]
    package private(set) var tensors: [Tensor]?

    /// The kernel of the call if it is elementwise.
    let tileKernel: TileKernel?

    /// Whether the value depends on an input of a transform that is at work.
    package let isTraced: Bool

    /// How many arrays and pending nodes hold this node: when they are more than an evaluation
    /// knows of, somebody will ask for the value later.
    package let holders = Atomic<Int>(0)

    /// This node's position in the list of the walk that is at work; -1 outside walks.
    package var mark = -1

    /// A pending call.
    init(_ primitive: any Primitive, inputs: [Value], specs: [Spec]) {
        self.primitive = primitive
        self.inputs = inputs
        self.specs = specs
        tileKernel = primitive.kernel(inputs.map(\.spec.dtype))
        var isTraced = primitive.isTracer
        for input in inputs {
            input.node.retainValue()
            isTraced = isTraced || input.node.isTraced
        }
        self.isTraced = isTraced
    }

    /// A value that is there already.
    init(_ tensor: Tensor) {
        specs = [Spec(tensor.shape, tensor.dtype)]
        tensors = [tensor]
        inputs = []
        tileKernel = nil
        isTraced = false
    }

    package var isDone: Bool { tensors != nil }

    func retainValue() { holders.wrappingAdd(1, ordering: .relaxed) }
    func releaseValue() { holders.wrappingSubtract(1, ordering: .relaxed) }

    /// Keeps the results.
    func finish(_ results: [Tensor]) { tensors = results }

    /// Lets go of the primitive and the inputs, and hands the inputs out.
    func detach() -> [Value] {
        let detached = inputs
        primitive = nil
        inputs = []
        for input in detached { input.node.releaseValue() }
        return detached
    }

    /// Undoes ``detach()`` with the inputs' memory, for a call that has failed.
    func reattach(_ primitive: any Primitive, _ tensors: [Tensor]) {
        self.primitive = primitive
        inputs = tensors.map { Value(node: Node($0), index: 0) }
        for input in inputs { input.node.retainValue() }
    }

    deinit {
        if inputs.isEmpty { return }
        var stack = detach().map(\.node)
        while var node = stack.popLast() {
            if isKnownUniquelyReferenced(&node), !node.inputs.isEmpty {
                stack.append(contentsOf: node.detach().lazy.map(\.node))
            }
        }
    }
}
