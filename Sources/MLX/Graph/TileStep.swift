/// Elementwise nodes that are computed together, and the node that reads the last of them, if any:
/// their program, what it reads and what is kept.
struct TileStep {
    private(set) var program = TileProgram()
    /// The values that the nodes read from outside, each once.
    private(set) var sources: [Node.Value] = []
    /// The nodes whose values are written to memory.
    private(set) var kept: [Node] = []
    /// The node that reads what the program makes.
    private(set) var reader: Reader?

    /// A node, and its primitive, that reads elements of a spec.
    struct Reader {
        let node: Node
        let primitive: any TileReading
        let elements: Spec
        /// The values that it reads beside them.
        var others: ArraySlice<Node.Value> { node.inputs.map { $0 }.dropFirst() }
    }

    /// A step of about so many nodes.
    init(nodes: Int) {
        program.reserve(calls: nodes)
        sources.reserveCapacity(nodes + 1)
    }

    /// Adds a node, whose inputs are done or were added before it. Until ``release()`` the marks of
    /// nodes are the numbers of their values in the program.
    ///
    /// A node that is not elementwise becomes the reader, where its first input was added.
    mutating func add(_ node: Node, isKept: Bool) {
        guard let kernel = node.tileKernel else { return add(reader: node) }
        var operands = TileProgram.Operands()
        switch node.inputs {
        case .none: break
        case .one(let input): operands.first = number(of: input)
        case .two(let first, let second):
            operands.first = number(of: first)
            operands.second = number(of: second)
        case .many(let inputs):
            operands.first = number(of: inputs[0])
            operands.second = number(of: inputs[1])
            operands.third = number(of: inputs[2])
            if inputs.count > 3 { operands.fourth = number(of: inputs[3]) }
        }
        node.mark = program.addCall(kernel, operands, output: node.specs[0].dtype)
        if isKept {
            program.addOutput(node.mark)
            kept.append(node)
        }
    }

    private mutating func add(reader node: Node) {
        guard let input = node.inputs.first, let primitive = node.primitive?.tileReading,
            program.values.indices ~= input.node.mark, program.values[input.node.mark].made >= 0
        else { return }
        program.setResult(input.node.mark)
        reader = Reader(node: node, primitive: primitive, elements: input.spec)
    }

    private mutating func number(of value: Node.Value) -> Int {
        let node = value.node
        if value.index == 0 {
            if node.mark < 0 {
                node.mark = program.addInput(value.spec.dtype)
                sources.append(value)
            }
            return node.mark
        }
        // A mark is the number of a node's first result.
        if let place = sources.firstIndex(where: { $0.node === node && $0.index == value.index }) {
            return program.inputs[place]
        }
        sources.append(value)
        return program.addInput(value.spec.dtype)
    }

    /// Takes the numbers off the sources; whoever added the nodes takes off theirs.
    mutating func release() {
        for source in sources where source.index == 0 { source.node.mark = -1 }
    }

    /// The memory of what is read from outside; the nodes that hold it are let go.
    mutating func takeInputs() -> [Tensor] {
        defer { sources = [] }
        var tensors: [Tensor] = []
        tensors.reserveCapacity(sources.count)
        for case let tensor? in sources.lazy.map(\.tensor) { tensors.append(tensor) }
        return tensors
    }
}

extension TileProgram {
    /// Memory for the outputs: that of an input that nobody else needs any more, where there is one
    /// of the same size, or new.
    func outputs(_ layouts: [(layout: Layout, dtype: DType)], _ inputs: inout [Tensor]) -> [Tensor]
    {
        layouts.enumerated().map { output, result in
            for index in inputs.indices where canReuse(input: index, forOutput: output) {
                if let memory = inputs.takeMemory(of: index, result.layout, result.dtype) {
                    return memory
                }
            }
            return Tensor(result.layout, result.dtype)
        }
    }
}

extension [Tensor] {
    /// The memory of a tensor as a result's, if the result fits and nobody else holds the memory.
    mutating func takeMemory(of index: Int, _ layout: Layout, _ dtype: DType) -> Tensor? {
        guard self[index].storage.isReusable,
            self[index].storage.byteCount == layout.count * dtype.size,
            self[index].layout.offset == 0, self[index].layout.shape == layout.shape,
            self[index].layout.isContiguous, isKnownUniquelyReferenced(&self[index].storage)
        else { return nil }
        return Tensor(storage: self[index].storage, layout: layout, dtype: dtype)
    }
}
