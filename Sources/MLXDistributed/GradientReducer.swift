import MLX

/// How gradients are packed on their way between ranks.
public enum GradientCompression: String, Sendable, CaseIterable {
    /// In their own type.
    case none
    /// float32 and float64 as bfloat16, half of the bytes; the ranks' values are joined in float32
    /// and the sum is rounded once.
    case bfloat16
}

/// Sums the gradients of all ranks of a group.
///
/// The gradients travel in buckets, the last ones first. Ranks of one node pack them into memory
/// that they share, where each joins its slice of every bucket. Otherwise one bucket is
/// communicated while the gradients of the next one are evaluated and packed.
public final class GradientReducer {
    /// Seconds that the last sum took in packing and communication on shared memory, else those in
    /// which it waited for communication.
    public private(set) var communicationSeconds = 0.0

    private let group: Group
    private let bucketBytes: Int
    private let firstBucketBytes: Int
    private let compression: GradientCompression
    private var plan: Plan?

    /// A reducer for one model; capacities of the buckets in bytes.
    public init(
        group: Group, bucketBytes: Int = 4 << 20, firstBucketBytes: Int = 1 << 20,
        compression: GradientCompression = .none
    ) {
        self.group = group
        self.bucketBytes = bucketBytes
        self.firstBucketBytes = firstBucketBytes
        self.compression = compression
    }

    /// The sums over all ranks, in the order, shapes and dtypes of `gradients`; float16 and
    /// bfloat16 are summed in float32. A collective; a group of one gives back its input.
    ///
    /// Throws `differentArrays` where the ranks bring other shapes or dtypes,
    /// `collectiveMismatch` where one is in another step or collective, and the transport's errors.
    public func sum(_ gradients: [MLXArray]) throws -> [MLXArray] {
        try withSums(of: gradients) { sums in
            sums.enumerated().map { index, sum in
                guard sum !== gradients[index] else { return sum }
                return makeArray(shape: sum.shape, dtype: sum.dtype) { bytes in
                    withBytes(sum) { bytes.copyMemory(from: $0) }
                }
            }
        }
    }

    /// Hands out the sums without a copy; they hold until the body returns, so that what is made
    /// of them must be evaluated in it.
    package func withSums<Value>(
        of gradients: [MLXArray], _ body: ([MLXArray]) throws -> Value
    ) throws -> Value {
        communicationSeconds = 0
        guard group.size > 1 else { return try body(gradients) }
        let packed = gradients.map(compressed)
        let plan = try plan(for: packed)
        let sums: [MLXArray]
        do {
            if let shared = plan.shared, let transport = group.transport as? SharedMemoryTransport {
                sums = try sum(packed, plan, in: shared, transport)
            } else {
                let handles = try plan.buckets.indices.map { try send($0, of: plan, packed) }
                sums = try receive(handles, plan)
            }
        } catch {
            // Work in flight may still write to the memory: the next call takes new one.
            self.plan = nil
            throw error
        }
        let types = gradients.map(\.dtype)
        return try body(zip(sums, types).map { $0.dtype == $1 ? $0 : $0.asType($1) })
    }

    private func compressed(_ gradient: MLXArray) -> MLXArray {
        let isWide = gradient.dtype == .float32 || gradient.dtype == .float64
        return compression == .bfloat16 && isWide ? gradient.asType(.bfloat16) : gradient
    }

    /// Packs and joins one bucket after the other in shared memory.
    private func sum(
        _ gradients: [MLXArray], _ plan: Plan, in shared: SharedBuckets,
        _ transport: SharedMemoryTransport
    ) throws -> [MLXArray] {
        eval(gradients)
        let start = ContinuousClock.now
        var links: [CommunicationHandle] = []
        for index in plan.buckets.indices {
            pack(index, of: plan, gradients, into: shared.own)
            let bucket = plan.buckets[index]
            let range = plan.ranges[index]
            let reduction = try RankReduction(
                dtype: bucket.dtype, operation: .sum, byteCount: range.count)
            let call = plan.call(index)
            try transport.exclusively { (step) throws(DistributedError) in
                var call = call
                call.step = step
                try transport.recorder.record(call) { () throws(DistributedError) in
                    try shared.reduce(range, call, reduction)
                }
            }
            // All ranks of the node have joined their slices of the bucket before.
            if index > 0 { links += join(index - 1, of: plan, in: shared, transport) }
        }
        if transport.nodes.count > 1 {
            try transport.barrierOfNode()
            links += join(plan.buckets.count - 1, of: plan, in: shared, transport)
            for link in links { try link.wait() }
        }
        try transport.exclusively { (step) throws(DistributedError) in
            var call = CollectiveCall(.barrier, byteCount: 0)
            call.step = step
            try transport.recorder.record(call) { () throws(DistributedError) in
                try shared.finish(call)
            }
        }
        communicationSeconds = (ContinuousClock.now - start) / .seconds(1)
        return gradients.indices.map { index in
            let signature = plan.signatures[index]
            guard let start = shared.sums.baseAddress, signature.byteCount > 0 else {
                return gradients[index]
            }
            return MLXArray(
                rawPointer: start + plan.offsets[index], signature.shape, dtype: signature.dtype
            ) { withExtendedLifetime(shared) {} }
        }
    }

    /// Submits the sum of a bucket over the nodes, on the first rank of each.
    private func join(
        _ index: Int, of plan: Plan, in shared: SharedBuckets, _ transport: SharedMemoryTransport
    ) -> [CommunicationHandle] {
        guard let leaders = transport.leaders, plan.buckets.indices.contains(index) else {
            return []
        }
        let (range, dtype) = (plan.ranges[index], plan.buckets[index].dtype)
        let handle = leaders.transport.submit { () throws(DistributedError) in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: shared.sums[range])
            try leaders.allReduce(bytes, dtype: dtype, operation: .sum)
        }
        return [handle]
    }

    /// Packs a bucket and submits its all-reduce.
    private func send(_ index: Int, of plan: Plan, _ gradients: [MLXArray]) throws
        -> CommunicationHandle
    {
        let bucket = plan.buckets[index]
        eval(bucket.indices.map { gradients[$0] })
        pack(index, of: plan, gradients, into: plan.memory.buffer)
        let transport = group.transport
        let memory = plan.memory
        let range = plan.ranges[index]
        return transport.submit { () throws(DistributedError) in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: memory.buffer[range])
            try transport.allReduce(bytes, dtype: bucket.dtype, operation: .sum)
        }
    }

    /// Copies the gradients of a bucket to their places.
    private func pack(
        _ index: Int, of plan: Plan, _ gradients: [MLXArray],
        into memory: UnsafeMutableRawBufferPointer
    ) {
        for gradient in plan.buckets[index].indices {
            withBytes(gradients[gradient]) { bytes in
                let start = plan.offsets[gradient]
                UnsafeMutableRawBufferPointer(rebasing: memory[start..<(start + bytes.count)])
                    .copyMemory(from: bytes)
            }
        }
    }

    /// Waits for the buckets in turn and unpacks them.
    private func receive(_ handles: [CommunicationHandle], _ plan: Plan) throws -> [MLXArray] {
        let clock = ContinuousClock()
        var sums = [MLXArray?](repeating: nil, count: plan.signatures.count)
        for (index, handle) in handles.enumerated() {
            let start = clock.now
            try handle.wait()
            communicationSeconds += (clock.now - start) / .seconds(1)
            for gradient in plan.buckets[index].indices {
                let signature = plan.signatures[gradient]
                let first = plan.offsets[gradient]
                let bytes = UnsafeRawBufferPointer(
                    rebasing: plan.memory.buffer[first..<(first + signature.byteCount)])
                sums[gradient] = makeArray(shape: signature.shape, dtype: signature.dtype) {
                    $0.copyMemory(from: bytes)
                }
            }
        }
        return sums.compactMap { $0 }
    }

    /// The plan of the last call, or a new one, which all ranks agree on first.
    private func plan(for gradients: [MLXArray]) throws(DistributedError) -> Plan {
        let signatures = gradients.map(ArraySignature.init)
        if let plan, plan.signatures == signatures { return plan }
        try ArraySignature.checkAgreement(signatures, over: group.transport)
        var new = Plan(signatures, capacity: bucketBytes, firstCapacity: firstBucketBytes)
        let hasHalves = new.buckets.contains { $0.dtype.isHalf }
        if let shared = group.transport as? SharedMemoryTransport,
            shared.nodes.count == 1 || !hasHalves
        {
            new.shared = try shared.makeBuckets(byteCount: new.byteCount)
        } else {
            new.memory = Scratch(byteCount: new.byteCount)
        }
        plan = new
        return new
    }

    /// Where each gradient lies in the memory of the buckets.
    private struct Plan {
        let signatures: [ArraySignature]
        let buckets: [Buckets.Bucket]
        /// The bytes of each bucket.
        private(set) var ranges: [Range<Int>] = []
        /// The first byte of each gradient.
        private(set) var offsets: [Int]
        private(set) var byteCount = 0
        var memory = Scratch(byteCount: 0)
        var shared: SharedBuckets?

        private let fingerprint: UInt64

        init(_ signatures: [ArraySignature], capacity: Int, firstCapacity: Int) {
            self.signatures = signatures
            let tensors = signatures.enumerated().map { index, signature in
                (name: "\(index)", byteCount: signature.byteCount, dtype: signature.dtype)
            }
            buckets =
                Buckets(tensors, capacity: capacity, firstCapacity: firstCapacity).buckets
            fingerprint = ArraySignature.fingerprint(signatures)
            offsets = Array(repeating: 0, count: signatures.count)
            for bucket in buckets {
                let start = byteCount
                for gradient in bucket.indices {
                    offsets[gradient] = byteCount
                    // Kernels read whole cache lines.
                    byteCount += (signatures[gradient].byteCount + 63) / 64 * 64
                }
                ranges.append(start..<byteCount)
            }
        }

        /// What a rank calls for a bucket.
        func call(_ index: Int) -> CollectiveCall {
            var call = CollectiveCall(.gradients, byteCount: ranges[index].count)
            call.dtype = UInt8(buckets[index].dtype.code)
            call.bucket = UInt32(index)
            call.detail = fingerprint
            return call
        }
    }
}
