import CKernels
import Glibc
import MLX

/// The rule of an optimizer for one step, with its constants.
package struct UpdateRule: Sendable {
    let kernel: ck_update
    let constants: [Double]

    /// Gradient descent; `decay` times the parameter is added to the gradient.
    package static func descent(rate: Float, decay: Float) -> UpdateRule {
        UpdateRule(ck_descent, [Double(rate), Double(decay)])
    }

    /// Gradient descent with momentum; one array of state.
    package static func momentum(
        rate: Float, decay: Float, momentum: Float, nesterov: Bool
    ) -> UpdateRule {
        UpdateRule(
            ck_momentum, [Double(rate), Double(decay), Double(momentum), 1, nesterov ? 1 : 0])
    }

    /// Adam and AdamW; two arrays of state. `step` counts from 1, and nil leaves the means as they
    /// are; `decay` times the rate is taken off the parameter beforehand.
    package static func adam(
        rate: Float, betas: (Float, Float), eps: Float, decay: Float, step: Int?
    ) -> UpdateRule {
        let rate = Double(rate)
        let correction = step.map { -expm1(Double($0) * log(Double(betas.0))) } ?? 1
        let factor = step.map { 1 / (-expm1(Double($0) * log(Double(betas.1)))).squareRoot() } ?? 1
        return UpdateRule(
            ck_adam,
            [
                rate / correction, Double(betas.0), Double(1 - betas.0), Double(betas.1),
                Double(1 - betas.1), Double(eps), 1 - rate * Double(decay), factor,
            ])
    }

    private init(_ table: (Int32) -> ck_update?, _ constants: [Double]) {
        guard let kernel = table(DType.float32.code) else {
            preconditionFailure("[UpdateRule] no kernel updates float32")
        }
        self.kernel = kernel
        self.constants = constants
    }
}

/// Parameters that the ranks of a node keep once, in memory that they share, and of which each rank
/// updates its slice.
///
/// A step joins the gradients of all ranks and updates the parameters in one pass over the slice,
/// or in two where the gradients' norm has a limit. The optimizer's state lies beside the
/// parameters, so that any rank can read all of it.
package final class ShardedParameters {
    /// The parameters, float32: views of the shared memory, which every step changes.
    package let parameters: [MLXArray]
    /// Seconds that the last step took in packing, communication and update.
    package private(set) var seconds = 0.0

    private let transport: SharedMemoryTransport
    private let gradients: SharedBuckets
    private let segment: SharedSegment
    private let shapes: [[Int]]
    private let offsets: [Int]
    /// The bytes of all parameters, with what lies between them.
    private let byteCount: Int
    /// The parameters, and then each array of the state.
    private let areas: [UnsafeMutableRawBufferPointer]

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
        var (offsets, end) = ([Int](), 0)
        for array in arrays {
            offsets.append(end)
            end += (array.size * 4 + 63) / 64 * 64
        }
        // Starts that are a large power of two apart would fall on the same cache sets.
        let stride = (end + 4095) / 4096 * 4096 + 20480
        let bytes = end
        let segment = try transport.makeSegment(byteCount: stride * (1 + state.count))
        let areas = (0...state.count).map { index in
            UnsafeMutableRawBufferPointer(
                rebasing: segment.bytes[(index * stride)..<(index * stride + bytes)])
        }
        gradients = try transport.makeBuckets(byteCount: bytes)
        if transport.arena.place == 0 {
            for (area, values) in zip(areas, [arrays] + state) {
                for (offset, array) in zip(offsets, values) {
                    withBytes(array) { bytes in
                        UnsafeMutableRawBufferPointer(rebasing: area[offset...])
                            .copyMemory(from: bytes)
                    }
                }
            }
        }
        try transport.barrier()
        self.transport = transport
        self.segment = segment
        self.offsets = offsets
        self.areas = areas
        shapes = arrays.map(\.shape)
        byteCount = bytes
        parameters = zip(offsets, arrays).map { offset, array in
            guard let start = areas[0].baseAddress, array.size > 0 else { return array }
            return MLXArray(rawPointer: start + offset, array.shape, dtype: .float32) {
                withExtendedLifetime(segment) {}
            }
        }
    }

    /// A copy of the parameters as they are between two steps.
    package func copies() -> [MLXArray] { copies(of: 0) }

    /// A copy of an array of the state, for each parameter.
    package func copies(ofState index: Int) -> [MLXArray] { copies(of: index + 1) }

    private func copies(of area: Int) -> [MLXArray] {
        zip(shapes, offsets).map { shape, offset in
            makeArray(shape: shape, dtype: .float32) { bytes in
                bytes.copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: areas[area][offset..<(offset + bytes.count)]))
            }
        }
    }

    /// Makes one step with the sums of all ranks' gradients, divided by `divisor`, and scaled down
    /// where their norm exceeds `limit`; gives the norm before. A collective.
    ///
    /// `rule` is for the next step; nobody may use values of the parameters that are not computed
    /// yet. `judge` is told the norm before the parameters change, which they do not where it says
    /// no; it must say the same on all ranks.
    package func step(
        _ addends: [MLXArray], divisor: Float, limit: Float?, rule: UpdateRule,
        judge: ((Double) throws -> Bool)? = nil
    ) throws -> Double {
        eval(addends)
        let start = ContinuousClock.now
        for (offset, addend) in zip(offsets, addends) {
            withBytes(addend) { bytes in
                UnsafeMutableRawBufferPointer(rebasing: gradients.own[offset...])
                    .copyMemory(from: bytes)
            }
        }
        let slice = transport.arena.slices(of: byteCount, itemSize: 4)[transport.arena.place]
        try meet(.gradients)
        let pass = ShardPass(
            areas: areas.compactMap(\.baseAddress),
            gradients: gradients.addends.compactMap(\.baseAddress),
            sums: gradients.sums.baseAddress,
            divisor: divisor, rule: rule)
        let isOnePass = limit == nil && judge == nil
        let squares = try transport.sum(
            pass.run(slice, isOnePass ? .all : .join, scale: 1, on: transport.arena))
        let norm = squares.squareRoot()
        seconds = (ContinuousClock.now - start) / .seconds(1)
        guard try judge?(norm) ?? true else { return norm }
        let second = ContinuousClock.now
        if !isOnePass {
            let excess = limit.map { Float(norm) < $0 ? 1 : $0 / (Float(norm) + 1e-6) }
            _ = pass.run(slice, .update, scale: excess ?? 1, on: transport.arena)
        }
        try meet(.barrier)
        seconds += (ContinuousClock.now - second) / .seconds(1)
        return norm
    }

    private func meet(_ kind: CollectiveCall.Kind) throws(DistributedError) {
        let (transport, count) = (transport, byteCount)
        try transport.exclusively { (step) throws(DistributedError) in
            var call = CollectiveCall(kind, byteCount: count)
            call.step = step
            call.dtype = UInt8(DType.float32.code)
            try transport.recorder.record(call) { () throws(DistributedError) in
                try transport.arena.meet(call)
            }
        }
    }
}

/// What a rank does with its slice of all parameters, a small tile after the other.
///
/// Unchecked: the tiles of a pass do not overlap.
private struct ShardPass: @unchecked Sendable {
    enum Part { case join, update, all }

    /// The parameters, and then each array of the state.
    let areas: [UnsafeMutableRawPointer]
    /// The gradients of each rank.
    let gradients: [UnsafeMutableRawPointer]
    let sums: UnsafeMutableRawPointer?
    let divisor: Float
    let rule: UpdateRule

    private static let tile = 1024

    /// Treats a slice of bytes; gives the sum of the squares of the joined gradients.
    func run(_ slice: Range<Int>, _ part: Part, scale: Float, on arena: SharedArena) -> Double {
        // Each block's sum is kept apart, so that the total does not depend on the threads.
        let block = Self.tile * 4 * 32
        let blocks = (slice.count + block - 1) / block
        let totals = Scratch(byteCount: max(1, blocks) * 8)
        let values = totals.buffer.bindMemory(to: Double.self)
        values.update(repeating: 0)
        let cells = SharedBytes(totals.buffer)
        Workers.shared.run(blocks) { index in
            let start = slice.lowerBound + index * block
            let end = min(slice.upperBound, start + block)
            let total = treat(start..<end, part, scale)
            cells.buffer.storeBytes(of: total, toByteOffset: index * 8, as: Double.self)
        }
        return values.reduce(0, +)
    }

    private func treat(_ bytes: Range<Int>, _ part: Part, _ scale: Float) -> Double {
        guard
            let reduction = try? RankReduction(
                dtype: .float32, operation: .sum, byteCount: bytes.count), let sums
        else { return 0 }
        let fold = TreeFold(reduction)
        var total = 0.0
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.tile) { scratch in
            guard let tile = scratch.baseAddress else { return }
            for offset in stride(from: bytes.lowerBound, to: bytes.upperBound, by: Self.tile * 4) {
                let count = min(Self.tile, (bytes.upperBound - offset) / 4)
                let joined =
                    part == .all ? tile : (sums + offset).assumingMemoryBound(to: Float.self)
                if part != .update {
                    fold.run(
                        gradients.map { UnsafeRawPointer($0 + offset) },
                        into: UnsafeMutableRawPointer(joined), count: count)
                    for index in 0..<count { joined[index] /= divisor }
                    var squares: Float = 0
                    ShardPass.addSquares(joined, count, to: &squares)
                    total += Double(squares)
                }
                if part != .join {
                    if scale != 1 { for index in 0..<count { joined[index] *= scale } }
                    update(joined, offset, count)
                }
            }
        }
        return total
    }

    private func update(_ gradient: UnsafeMutablePointer<Float>, _ offset: Int, _ count: Int) {
        var outputs = areas.map { UnsafeMutableRawPointer($0 + offset) }
        var inputs = outputs.map { UnsafeRawPointer($0) }
        inputs.insert(UnsafeRawPointer(gradient), at: 1)
        rule.kernel(&outputs, &inputs, rule.constants, count)
    }

    /// Sixteen sums side by side, which vectorise.
    private static func addSquares(
        _ values: UnsafeMutablePointer<Float>, _ count: Int, to total: inout Float
    ) {
        let lanes = 16
        withUnsafeTemporaryAllocation(of: Float.self, capacity: lanes) { sums in
            sums.initialize(repeating: 0)
            let whole = count / lanes * lanes
            for start in Swift.stride(from: 0, to: whole, by: lanes) {
                for lane in 0..<lanes {
                    sums[lane] += values[start + lane] * values[start + lane]
                }
            }
            for index in whole..<count { sums[0] += values[index] * values[index] }
            total = sums.reduce(0, +)
        }
    }
}
