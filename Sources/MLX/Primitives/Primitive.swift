/// An operation that the machine knows: one type that answers for its shapes, its values and its
/// derivative. Nothing outside switches over primitives.
package protocol Primitive: Sendable {
    /// The name in error messages and graph dumps, as users call the operation.
    var name: String { get }

    /// The shapes and types of the results; the only place that refuses inputs.
    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec]

    /// Computes the results into memory that lies as ``layout(ofResult:_:from:)`` says.
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError)

    /// How the elements of a result follow each other, without gaps: by default in row-major order,
    /// otherwise as those who read it most often want them.
    func layout(ofResult index: Int, _ shape: [Int], from inputs: [Tensor]) -> Layout

    /// The gradients with respect to the inputs, given those with respect to the outputs; nil is
    /// zero, on both sides. Only what `call.wanted` names need be given.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?]

    /// The tangents of the outputs, given those of the inputs; nil is zero, on both sides, and at
    /// least one is given.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?]

    /// The same call for every index of an axis of the inputs: the outputs with that axis, by
    /// default in front.
    ///
    /// `batch` tells its size, and which inputs have it, in front; at least one has.
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched]

    /// The primitive that makes the same call where all inputs have one more axis in front, and so has
    /// the result, whose shape is given; nil where that takes more than another primitive, as
    /// ``vmap(_:_:)`` then says.
    func widened(to shape: [Int]) -> (any Primitive)?

    /// The kernel for one tile where every element of the result depends on the same element of
    /// the inputs; nil for other operations.
    func kernel(_ inputs: Few<DType>) -> TileKernel?

    /// The primitive, where it can do with reading its first input in order, a part at a time.
    var tileReading: (any TileReading)? { get }

    /// The results where they are inputs' memory seen otherwise; nil where they are not, or where
    /// the strides forbid it.
    func alias(_ inputs: [Tensor]) -> [Tensor]?

    /// See ``alias(_:)``, for a view of one input, without the lists.
    func alias(of input: Tensor) -> Tensor?

    /// For each output the input whose memory `eval` may be handed as the output's, when nobody
    /// else needs it; nil, or the end of the list, for outputs that write over no input.
    ///
    /// A primitive that names one reads an element of the input before it writes it, and throws
    /// before it writes any.
    var overwrites: [Int?] { get }

    /// Whether the primitive computes by ``results(_:on:)``.
    var takesInputs: Bool { get }

    /// Computes the results in memory of its own choice, of inputs that are handed over: it may
    /// write over those that nobody else holds.
    func results(_ inputs: consuming [Tensor], on workers: Workers) throws(MLXError) -> [Tensor]

    /// How many steps of an evaluation read elements for a call: none for a view.
    var stepCount: Int { get }

    /// Whether the result is the input with the matrices of the two inner axes transposed.
    var turnsMatrices: Bool { get }

    /// Whether the primitive marks an input of a transform.
    var isTracer: Bool { get }

    /// Whether a call does more than compute its results, as one that communicates: a compiled function
    /// makes it at every call, also where no argument leads to it.
    var hasEffect: Bool { get }

    /// The results by other primitives where this one belongs to a transform at work or holds code,
    /// and so can't be written to a file; else nil.
    func inlined(_ inputs: [MLXArray]) -> [MLXArray]?
}

extension Primitive {
    package func layout(ofResult index: Int, _ shape: [Int], from inputs: [Tensor]) -> Layout {
        Layout(contiguous: shape)
    }
    package func widened(to shape: [Int]) -> (any Primitive)? { nil }
    package func kernel(_ inputs: Few<DType>) -> TileKernel? { nil }
    package var tileReading: (any TileReading)? { nil }
    package func alias(_ inputs: [Tensor]) -> [Tensor]? { nil }
    package func alias(of input: Tensor) -> Tensor? { nil }
    package var overwrites: [Int?] { [] }
    package var takesInputs: Bool { false }
    package func results(
        _ inputs: consuming [Tensor], on workers: Workers
    ) throws(MLXError) -> [Tensor] { inputs }
    package var stepCount: Int { 1 }
    package var turnsMatrices: Bool { false }
    package var isTracer: Bool { false }
    package var hasEffect: Bool { false }
    package func inlined(_ inputs: [MLXArray]) -> [MLXArray]? { nil }

    package func refusal(_ message: String) -> MLXError { .caught("[\(name)] \(message)") }
}

/// Which inputs of a call have the axis that the call is repeated over.
package struct Batch {
    /// The size of the axis.
    package let size: Int
    /// For each input whether it has the axis, as its first.
    package let isBatched: [Bool]

    /// An input with the axis, stretched where it is the same for all.
    package func stretched(_ input: MLXArray, _ position: Int) -> MLXArray {
        if isBatched[position] { return input }
        return MLXArray(stretchedOnce(input.value, to: [size] + input.shape))
    }

    /// All inputs with the axis.
    package func stretched(_ inputs: [MLXArray]) -> [MLXArray] {
        if !isBatched.contains(false) { return inputs }
        return inputs.enumerated().map { stretched($1, $0) }
    }
}

/// An output of a repeated call and where its axis is; nil where the output is the same for all.
package struct Batched {
    package let array: MLXArray
    package let axis: Int?

    package init(_ array: MLXArray, axis: Int? = 0) {
        self.array = array
        self.axis = axis
    }

    /// The output with its axis in front, or as it is where it has none.
    var inFront: MLXArray {
        guard let axis, axis != 0 else { return array }
        return movedAxis(array, source: axis, destination: 0)
    }
}

extension Primitive {
    /// The same primitive on the inputs with the axis in front, as vmap rules of operations that
    /// look at each element alone, or that take leading axes as they come.
    package func vmapLeading(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(self, batch.stretched(inputs)))]
    }
}

/// An operation that is linear in its first input and has no other derivative: its tangent is the
/// same operation on the input's tangent.
protocol LinearPrimitive: Primitive {}

extension LinearPrimitive {
    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil] }
        return [MLXArray.apply(self, [tangent] + call.inputs.dropFirst())]
    }
}

/// A call of a primitive as a derivative sees it.
package struct Call {
    package let inputs: [MLXArray]
    /// For each input, whether its gradient is asked for.
    package let wanted: [Bool]
    private let node: Node

    init(_ node: Node, wanted: [Bool]) {
        inputs = node.inputs.map { MLXArray($0) }
        self.wanted = wanted
        self.node = node
    }

    /// Made anew each time: most derivatives ask for none.
    package var outputs: [MLXArray] {
        node.specs.indices.map { MLXArray(Node.Value(node: node, index: $0)) }
    }

    /// The only output of most primitives.
    package var output: MLXArray { MLXArray(node) }
}
