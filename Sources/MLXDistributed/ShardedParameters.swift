import MLX

/// Parameters that the ranks of a node keep once, in memory that they share, and of which each rank
/// updates its slice.
///
/// A step joins the gradients of all ranks and updates the parameters in one pass over the slice,
/// or in two where the gradients' norm has a limit. The optimizer's state lies beside the
/// parameters, so that any rank can read all of it.
package final class ShardedParameters {
    /// The parameters, float32: views of the shared memory, which every step changes, but for the
    /// step after `lend()`: that one leaves them as they are and makes new views.
    package private(set) var parameters: [MLXArray]
    /// Seconds that the last step took in packing, communication and update.
    package private(set) var seconds = 0.0

    private let transport: SharedMemoryTransport
    private let gradients: SharedBuckets
    private let layout: ShardLayout
    /// What the steps write to.
    private var memory: ShardMemory
    /// Memory of the same size, which was lent before.
    private var spare: ShardMemory?
    /// Whether the next step writes to `spare` and leaves `memory` as it is.
    private var isLent = false

    /// Whether the ranks of a group share memory.
    package static func isPossible(in group: Group) -> Bool {
        (group.transport as? SharedMemoryTransport)?.nodes.count == 1
    }

    /// Moves parameters, and the optimizer's state for each, to shared memory; a collective, in
    /// which every rank gives the same values.
    ///
    /// `state` has one list for each array of the state, in the order of the parameters. Throws
    /// `noSharedMemory` where there is none, and `unsupported` for parameters that are not float32.
    package init(_ arrays: [MLXArray], state: [[MLXArray]], group: Group)
        throws(DistributedError)
    {
        guard let transport = group.transport as? SharedMemoryTransport,
            transport.nodes.count == 1
        else {
            throw .noSharedMemory(path: group.path)
        }
        if let other = arrays.first(where: { $0.dtype != .float32 }) {
            throw .unsupported(operation: "sharded update", dtype: "\(other.dtype)")
        }
        try ArraySignature.checkAgreement(arrays.map(ArraySignature.init), over: transport)
        let arena = transport.arena
        layout = ShardLayout(arrays.map(\.shape), rank: arena.place, of: arena.size)
        let memory = try ShardMemory(layout, areas: 1 + state.count, transport)
        gradients = try transport.makeBuckets(byteCount: layout.byteCount)
        if transport.arena.place == 0 { memory.fill([arrays] + state, layout) }
        try transport.barrier()
        self.transport = transport
        self.memory = memory
        parameters = memory.arrays(0, layout)
    }

    /// The parameters and then each array of the state as they are between two steps, without a
    /// copy; a collective. They stay as they are until it is called again, even while steps are
    /// taken.
    package func lend() throws(DistributedError) -> [[MLXArray]] {
        if spare == nil {
            spare = try ShardMemory(layout, areas: memory.areas.count, transport)
        }
        isLent = true
        return memory.areas.indices.map { memory.arrays($0, layout) }
    }

    /// Makes one step with the sums of all ranks' gradients, of any real type and joined in float32,
    /// divided by `divisor`, and scaled down where their norm exceeds `limit`; gives the norm
    /// before, and the sums over the ranks of `numbers`, which travel along. A collective.
    ///
    /// There is a rule for each parameter; nobody may use values of the parameters that are not
    /// computed yet. `judge` is told the norm and the sums before the parameters change, which they
    /// do not where it says no; it must say the same on all ranks.
    package func step(
        _ addends: [MLXArray], divisor: Float, limit: Float?, rules: [UpdateRule],
        numbers: [Double] = [], judge: ((Double, [Double]) throws -> Bool)? = nil
    ) throws -> (norm: Double, sums: [Double]) {
        let addends = addends.map { $0.dtype == .float32 ? $0 : $0.asType(.float32) }
        eval(addends)
        let start = ContinuousClock.now
        // Held here so that their bytes stay where they are.
        let tensors = addends.compactMap { $0.value.tensor?.contiguous(on: .shared) }
        defer { withExtendedLifetime(tensors) {} }
        let own = tensors.map { UnsafeRawPointer($0.address) }
        layout.pack(own, into: gradients.own)
        try meet(.gradients, bytes: layout.byteCount)
        let target = isLent ? spare ?? memory : memory
        let isOnePass = limit == nil && judge == nil
        let pass = gradients.sums.baseAddress.map { sums in
            ShardPass(
                layout: layout, own: own, gradients: gradients.addends.compactMap(\.baseAddress),
                place: transport.arena.place, sums: sums, source: memory.starts,
                target: target.starts, divisor: divisor, rules: rules)
        }
        let squares = pass?.run(isOnePass ? .all : .join, scale: 1) ?? 0
        let totals = try sum([squares] + numbers)
        let (norm, sums) = (totals[0].squareRoot(), Array(totals.dropFirst()))
        seconds = (ContinuousClock.now - start) / .seconds(1)
        if !isOnePass {
            guard try judge?(norm, sums) ?? true else { return (norm, sums) }
            let second = ContinuousClock.now
            let excess = limit.map { Float(norm) < $0 ? 1 : $0 / (Float(norm) + 1e-6) }
            _ = pass?.run(.update, scale: excess ?? 1)
            try meet(.barrier, bytes: 0)
            seconds += (ContinuousClock.now - second) / .seconds(1)
        }
        if isLent { swap(target) }
        return (norm, sums)
    }

    /// Goes on with the memory that the last step has written to.
    private func swap(_ target: ShardMemory) {
        (memory, spare, isLent) = (target, memory, false)
        parameters = memory.arrays(0, layout)
    }

    /// The sums over the ranks, which all have come to the end of their pass then.
    private func sum(_ numbers: [Double]) throws(DistributedError) -> [Double] {
        let scratch = Scratch(byteCount: numbers.count * 8)
        let values = scratch.buffer.bindMemory(to: Double.self)
        _ = values.initialize(from: numbers)
        try transport.allReduce(scratch.buffer, dtype: .float64, operation: .sum)
        return Array(values)
    }

    private func meet(_ kind: CollectiveCall.Kind, bytes: Int) throws(DistributedError) {
        let transport = transport
        try transport.exclusively { (step) throws(DistributedError) in
            var call = CollectiveCall(kind, byteCount: bytes)
            call.step = step
            call.dtype = UInt8(DType.float32.code)
            try transport.recorder.record(call) { () throws(DistributedError) in
                try transport.arena.meet(call)
            }
        }
    }
}

/// Shared memory for parameters, and for each array of the optimizer's state.
private struct ShardMemory {
    let areas: [UnsafeMutableRawBufferPointer]
    private let segment: SharedSegment

    /// Zeros; a collective.
    init(_ layout: ShardLayout, areas: Int, _ transport: SharedMemoryTransport)
        throws(DistributedError)
    {
        // Starts that are a large power of two apart would fall on the same cache sets.
        let stride = (layout.byteCount + 4095) / 4096 * 4096 + 20480
        let segment = try transport.makeSegment(byteCount: stride * areas)
        self.segment = segment
        self.areas = (0..<areas).map { index in
            UnsafeMutableRawBufferPointer(
                rebasing: segment.bytes[(index * stride)..<(index * stride + layout.byteCount)])
        }
    }

    var starts: [UnsafeMutableRawPointer] { areas.compactMap(\.baseAddress) }

    func fill(_ values: [[MLXArray]], _ layout: ShardLayout) {
        for (area, arrays) in zip(areas, values) {
            for (offset, array) in zip(layout.offsets, arrays) {
                withBytes(array) { bytes in
                    UnsafeMutableRawBufferPointer(rebasing: area[offset...])
                        .copyMemory(from: bytes)
                }
            }
        }
    }

    /// Views of an area, one for each parameter.
    func arrays(_ area: Int, _ layout: ShardLayout) -> [MLXArray] {
        let segment = segment
        return zip(layout.offsets, layout.shapes).map { offset, shape in
            guard let start = areas[area].baseAddress, !shape.contains(0) else {
                return zeros(shape)
            }
            return MLXArray(rawPointer: start + offset, shape, dtype: .float32) {
                withExtendedLifetime(segment) {}
            }
        }
    }
}
