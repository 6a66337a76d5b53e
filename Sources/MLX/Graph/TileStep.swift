/// Elementwise nodes that are computed together, and the node that reads the last of them, if any:
/// their program, what it reads and what is kept.
struct TileStep {
    private(set) var program = TileProgram()
    /// The program laid out, by ``run(_:into:)``.
    private var laidOut = TileRun()
    /// The values that the nodes read from outside, each once.
    private(set) var sources: [Node.Value] = []
    /// The nodes whose values are written to memory.
    private(set) var kept: [Node] = []
    /// The node that reads what the program makes.
    private(set) var reader: Reader?

    /// A node, and its primitive, that reads elements of a spec.
    final class Reader {
        let node: Node
        let primitive: any TileReading
        let elements: Spec
        /// The values that it reads beside them.
        var others: ArraySlice<Node.Value> { node.inputs.map { $0 }.dropFirst() }

        init(node: Node, primitive: any TileReading, elements: Spec) {
            (self.node, self.primitive, self.elements) = (node, primitive, elements)
        }
    }

    /// Makes it a step without nodes again, whose memory stays.
    mutating func clear() {
        program.clear()
        sources.removeAll(keepingCapacity: true)
        kept.removeAll(keepingCapacity: true)
        reader = nil
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

    /// Computes the values that are kept, and the reader's results from those of other nodes that it
    /// reads; the nodes that hold what is read are let go.
    mutating func run(_ others: [Tensor], into results: [Tensor]) {
        var inputs = takeInputs()
        let outputs = program.outputs(
            kept.lazy.map { (Layout(contiguous: $0.single.shape), $0.single.dtype) }, &inputs)
        program.layOut(&laidOut)
        if let reader {
            laidOut.run(
                inputs, into: outputs, on: .shared, reader.primitive, reader.elements, others,
                into: results)
        } else {
            laidOut.run(inputs, into: outputs, on: .shared)
        }
        for index in kept.indices { kept[index].finish(.one(outputs[index])) }
    }

    /// The memory of what is read from outside; the nodes that hold it are let go.
    private mutating func takeInputs() -> [Tensor] {
        var tensors: [Tensor] = []
        tensors.reserveCapacity(sources.count)
        for source in sources { if let tensor = source.tensor { tensors.append(tensor) } }
        sources.removeAll(keepingCapacity: true)
        return tensors
    }
}

extension TileProgram {
    /// What an output is to be.
    typealias Result = (layout: Layout, dtype: DType)

    /// Memory for the outputs: that of an input that nobody else needs any more, where there is one
    /// of the same size, or new.
    func outputs(_ results: some Collection<Result>, _ inputs: inout [Tensor]) -> [Tensor] {
        var outputs: [Tensor] = []
        outputs.reserveCapacity(results.count)
        for result in results {
            let memory = takeMemory(forOutput: outputs.count, result, &inputs)
            outputs.append(memory ?? Tensor(result.layout, result.dtype))
        }
        return outputs
    }

    private func takeMemory(
        forOutput output: Int, _ result: Result, _ inputs: inout [Tensor]
    ) -> Tensor? {
        for index in inputs.indices where canReuse(input: index, forOutput: output) {
            if let memory = inputs.takeMemory(of: index, result.layout, result.dtype) {
                return memory
            }
        }
        return nil
    }
}

extension [Tensor] {
    /// The memory of a tensor as a result's, if the result fits and nobody else holds the memory.
    mutating func takeMemory(of index: Int, _ layout: Layout, _ dtype: DType) -> Tensor? {
        guard isKnownUniquelyReferenced(&self[index].storage), self[index].storage.isReusable,
            self[index].storage.byteCount == layout.count * dtype.size,
            self[index].layout.offset == 0, self[index].layout.shape == layout.shape,
            self[index].layout.isContiguous
        else { return nil }
        return Tensor(storage: self[index].storage, layout: layout, dtype: dtype)
    }
}
