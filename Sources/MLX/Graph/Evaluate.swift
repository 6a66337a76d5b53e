import Glibc

/// Computes pending nodes.
package enum Evaluate {
    /// Computes the values of the nodes, and of what somebody holds among the nodes they need.
    static func run(_ roots: [Node]) throws(MLXError) {
        lock.lock()
        defer { lock.unlock() }
        let pending = roots.filter { !$0.isDone }
        if pending.isEmpty { return }
        Walk.pause()
        defer { Walk.resume() }
        var schedule = Schedule(roots: pending)
        let keepsGraph = Trace.isActive || Walk.isAtWork
        var start = 0
        for end in schedule.ends {
            let members = schedule.members[start..<end]
            start = end
            if let node = schedule.nodes[members[members.startIndex]], node.isElementwise {
                runTiles(Array(members), &schedule, keepsGraph: keepsGraph)
            } else {
                try runCall(members[members.startIndex], &schedule, keepsGraph: keepsGraph)
            }
        }
    }

    /// Evaluations and walks of the graph take turns.
    static let lock = RecursiveLock()

    /// Waits, within `eval` of a primitive, for other threads, which may evaluate meanwhile.
    package static func waiting<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try lock.released(body)
    }

    private static func runCall(
        _ position: Int, _ schedule: inout Schedule, keepsGraph: Bool
    ) throws(MLXError) {
        guard let node = schedule.nodes[position], let primitive = node.primitive else { return }
        schedule.nodes[position] = nil
        if !primitive.overwrites.isEmpty, !(keepsGraph && node.isTraced) {
            return try runOver(node, primitive)
        }
        let inputs = node.inputs.compactMap(\.tensor)
        if let results = primitive.alias(inputs) {
            node.finish(results)
        } else {
            let outputs = node.specs.map { Tensor($0) }
            // A node that fails stays pending, so that whoever asks again is told again.
            try primitive.eval(inputs, into: outputs, on: .shared)
            node.finish(outputs)
        }
        if !(keepsGraph && node.isTraced) { _ = node.detach() }
    }

    /// Evaluates a call into the memory of those of its inputs that nobody else needs.
    private static func runOver(_ node: Node, _ primitive: any Primitive) throws(MLXError) {
        var inputs = node.inputs.compactMap(\.tensor)
        var owners = Owners(node.detach().map { $0.node as Node? })
        owners.letGo()
        let overwrites = primitive.overwrites
        let outputs = node.specs.enumerated().map { index, spec in
            guard index < overwrites.count, let input = overwrites[index],
                owners.isFree(input)
            else { return Tensor(spec) }
            return takeMemory(of: input, &inputs, spec) ?? Tensor(spec)
        }
        do {
            try primitive.eval(inputs, into: outputs, on: .shared)
        } catch {
            // Such a primitive refuses before it writes, so that whoever asks again is told again.
            node.reattach(primitive, inputs)
            throw error
        }
        node.finish(outputs)
    }

    /// The nodes that keep the memory of a call's inputs, each once: one node may have made several.
    private struct Owners {
        private var nodes: [Node?]
        /// For each input the place of its node; empty where every input has a node of its own.
        private var places: [Int] = []

        init(_ inputs: consuming [Node?]) {
            nodes = inputs
            let isShared = nodes.indices.contains { place in
                nodes[..<place].contains { $0 === nodes[place] }
            }
            guard isShared else { return }
            let inputs = nodes
            nodes = []
            for input in inputs {
                let place = nodes.firstIndex { $0 === input }
                places.append(place ?? nodes.count)
                if place == nil { nodes.append(input) }
            }
        }

        /// Lets the nodes go that only this evaluation knows; their memory stays with the inputs.
        mutating func letGo() {
            for place in nodes.indices where isKnownUniquelyReferenced(&nodes[place]) {
                nodes[place] = nil
            }
        }

        func isFree(_ input: Int) -> Bool { nodes[places.isEmpty ? input : places[input]] == nil }
    }

    private static func runTiles(
        _ members: [Int], _ schedule: inout Schedule, keepsGraph: Bool
    ) {
        var program = TileProgram()
        var nodes = members.compactMap { schedule.nodes[$0] }
        var sources = externalInputs(of: nodes)
        for source in sources { _ = program.addInput(source.spec.dtype) }
        var kept: [Node] = []
        for (index, node) in nodes.enumerated() {
            node.mark = addCall(of: node, sources, &program)
            // The last value is what the step is for; another one is kept where somebody beside its
            // users in this evaluation holds it.
            if index == nodes.count - 1
                || node.holders.load(ordering: .relaxed) > schedule.uses[members[index]]
            {
                program.addOutput(node.mark)
                kept.append(node)
            }
        }
        for node in nodes {
            node.mark = -1
            // Under a transform the walk back may ask again for what is not kept.
            let isKept = kept.contains { $0 === node }
            if !keepsGraph || (isKept && !node.isTraced) { _ = node.detach() }
        }
        for member in members { schedule.nodes[member] = nil }
        nodes = []
        var inputs = sources.compactMap(\.tensor)
        var owners = Owners(sources.map { $0.node as Node? })
        sources = []
        owners.letGo()
        let outputs = kept.enumerated().map { index, node in
            reuse(&inputs, owners, output: index, node.specs[0], program) ?? Tensor(node.specs[0])
        }
        program.run(inputs, into: outputs, on: .shared)
        for (node, output) in zip(kept, outputs) { node.finish([output]) }
    }

    /// The values that the nodes read from outside, each once.
    private static func externalInputs(of nodes: [Node]) -> [Node.Value] {
        var found: [Node.Value] = []
        for node in nodes {
            for input in node.inputs where input.node.isDone {
                if !found.contains(where: { $0.node === input.node && $0.index == input.index }) {
                    found.append(input)
                }
            }
        }
        return found
    }

    private static func addCall(
        of node: Node, _ sources: [Node.Value], _ program: inout TileProgram
    ) -> Int {
        guard let kernel = node.tileKernel else { return 0 }
        let operands = node.inputs.map { input in
            sources.firstIndex { $0.node === input.node && $0.index == input.index }
                ?? input.node.mark
        }
        return program.addCall(kernel, operands, output: node.specs[0].dtype)
    }

    /// The memory of an input that nobody else needs any more, for an output of the same size.
    private static func reuse(
        _ inputs: inout [Tensor], _ owners: Owners, output: Int, _ spec: Spec,
        _ program: TileProgram
    ) -> Tensor? {
        for index in inputs.indices
        where owners.isFree(index) && program.canReuse(input: index, forOutput: output) {
            if let memory = takeMemory(of: index, &inputs, spec) { return memory }
        }
        return nil
    }

    /// The memory of an input without an owner as a result's, if the result fits and no other
    /// tensor shares the memory.
    private static func takeMemory(
        of index: Int, _ inputs: inout [Tensor], _ spec: Spec
    ) -> Tensor? {
        let layout = inputs[index].layout
        guard layout.offset == 0, layout.isContiguous, layout.shape == spec.shape,
            inputs[index].storage.byteCount == spec.byteCount,
            inputs[index].storage.isReusable,
            isKnownUniquelyReferenced(&inputs[index].storage)
        else { return nil }
        return Tensor(storage: inputs[index].storage, layout: layout, dtype: spec.dtype)
    }
}

extension Node.Value {
    /// The value's memory, when it is computed.
    var tensor: Tensor? { node.tensors?[index] }
}

/// A lock that its holder may take again.
final class RecursiveLock: @unchecked Sendable {
    // Unchecked: the mutex is only reached through the system's calls, the depth by its owner.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var depth = 0

    init() {
        mutex = .allocate(capacity: 1)
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func lock() {
        pthread_mutex_lock(mutex)
        depth += 1
    }

    func unlock() {
        depth -= 1
        pthread_mutex_unlock(mutex)
    }

    /// Runs code of the lock's owner while others may have the lock.
    func released<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let held = depth
        for _ in 0..<held { unlock() }
        defer { for _ in 0..<held { lock() } }
        return try body()
    }
}
