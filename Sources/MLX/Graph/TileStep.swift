/// Elementwise nodes that are computed together, and the node that reads the last of them, if any:
/// their program, what it reads and what is kept.
struct TileStep {
    private(set) var program = TileProgram()
    /// The program laid out, by ``run(_:into:)``.
    private var laidOut = TileRun()
    /// The memory of the values that are kept, and where it lies.
    private var memory: [Storage] = []
    private var targets: [Tiles.Target] = []
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
        sources.empty()
        kept.empty()
        targets.empty()
        reader = nil
    }

    /// Adds a node, whose inputs are done or were added before it. Until ``release()`` the marks of
    /// nodes are the numbers of their values in the program.
    ///
    /// A node that is not elementwise becomes the reader, where its first input was added.
    mutating func add(_ node: Node, isKept: Bool) {
        guard let kernel = node.tileKernel else { return add(reader: node) }
        let operands = node.operands { number(of: $0, $1) }
        node.mark = program.addCall(kernel, operands, output: node.single.dtype)
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

    /// The number in the program of a result of a node: a mark is that of the first one.
    private mutating func number(of node: Node, _ index: Int) -> Int {
        if index == 0 {
            if node.mark < 0 {
                node.mark = program.addInput(node.single.dtype)
                sources.append(Node.Value(node: node, index: 0))
            }
            return node.mark
        }
        if let place = sources.firstIndex(where: { $0.node === node && $0.index == index }) {
            return program.inputs[place]
        }
        let value = Node.Value(node: node, index: index)
        sources.append(value)
        return program.addInput(value.spec.dtype)
    }

    /// Takes the numbers off the sources; whoever added the nodes takes off theirs.
    mutating func release() {
        for source in sources where source.index == 0 { source.node.mark = -1 }
    }

    /// Computes the values that are kept, and the reader's results from those of other nodes that it
    /// reads. Nodes that hold what is read may be left without it, where nobody else holds them.
    mutating func run(_ others: [Tensor], into results: [Tensor]) {
        program.layOut(&laidOut)
        for index in kept.indices {
            let (count, itemSize) = (kept[index].single.count, kept[index].single.dtype.size)
            let taken = takeMemory(forOutput: index)
            let storage = taken ?? Storage(byteCount: count * itemSize)
            targets.append(
                Tiles.Target(
                    storage.address, itemSize: itemSize, isCold: taken == nil && storage.isCold))
            memory.append(storage)
        }
        if let reader {
            laidOut.run(
                sources, into: targets, on: .shared, reader.primitive, reader.elements, others,
                into: results)
        } else {
            laidOut.run(
                sources, into: targets, count: kept.first?.single.count ?? 0, on: .shared)
        }
        for node in kept.reversed() { node.finish(memory.removeLast()) }
    }

    /// The memory of an input that nobody else needs any more, where there is one of an output's
    /// size: it is read no later than the output is written.
    private mutating func takeMemory(forOutput output: Int) -> Storage? {
        for index in sources.indices where program.canReuse(input: index, forOutput: output) {
            if isKnownUniquelyReferenced(&sources[index].node),
                let memory = sources[index].node.giveMemory(for: kept[output].single)
            {
                return memory
            }
        }
        return nil
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
