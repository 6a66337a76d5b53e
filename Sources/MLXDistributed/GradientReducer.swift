import MLX

/// Sums the gradients of all ranks of a group.
///
/// The gradients travel in buckets. While one bucket is communicated, the gradients of the next
/// one are evaluated and packed.
public final class GradientReducer {
    /// Seconds that the last `sum` waited for communication.
    public private(set) var communicationSeconds = 0.0

    private let group: Group
    private let bucketBytes: Int
    private let firstBucketBytes: Int
    private var plan: Plan?

    /// A reducer for one model; capacities of the buckets in bytes.
    public init(
        group: Group, bucketBytes: Int = 4 << 20, firstBucketBytes: Int = 1 << 20
    ) {
        self.group = group
        self.bucketBytes = bucketBytes
        self.firstBucketBytes = firstBucketBytes
    }

    /// The sums over all ranks, in the order, shapes and dtypes of `gradients`; float16 and
    /// bfloat16 are summed in float32. A collective; a group of one gives back its input.
    ///
    /// Throws `differentArrays` where the ranks bring other shapes or dtypes, and the transport's
    /// errors.
    public func sum(_ gradients: [MLXArray]) throws -> [MLXArray] {
        communicationSeconds = 0
        guard group.size > 1 else { return gradients }
        let plan = try plan(for: gradients)
        do {
            let handles = try plan.buckets.indices.map { try send($0, of: plan, gradients) }
            return try receive(handles, plan, gradients)
        } catch {
            // Work in flight may still write to the scratch buffers: the next call takes new ones.
            self.plan = nil
            throw error
        }
    }

    /// Packs a bucket and submits its all-reduce.
    private func send(_ index: Int, of plan: Plan, _ gradients: [MLXArray]) throws
        -> CommunicationHandle
    {
        let bucket = plan.buckets[index]
        let scratch = plan.scratch[index]
        eval(bucket.indices.map { gradients[$0] })
        var offset = 0
        for gradient in bucket.indices.map({ gradients[$0] }) {
            withBytes(gradient) { bytes in
                let end = offset + bytes.count
                UnsafeMutableRawBufferPointer(rebasing: scratch.buffer[offset..<end])
                    .copyMemory(from: bytes)
                offset = end
            }
        }
        let transport = group.transport
        return transport.submit { () throws(DistributedError) in
            try transport.allReduce(scratch.buffer, dtype: bucket.dtype, operation: .sum)
        }
    }

    /// Waits for the buckets in turn and unpacks them.
    private func receive(
        _ handles: [CommunicationHandle], _ plan: Plan, _ gradients: [MLXArray]
    ) throws -> [MLXArray] {
        var sums = gradients
        let clock = ContinuousClock()
        for (index, handle) in handles.enumerated() {
            let start = clock.now
            try handle.wait()
            communicationSeconds += (clock.now - start) / .seconds(1)
            let bytes = UnsafeRawBufferPointer(plan.scratch[index].buffer)
            var offset = 0
            for gradient in plan.buckets[index].indices {
                let signature = plan.signatures[gradient]
                sums[gradient] = makeArray(shape: signature.shape, dtype: signature.dtype) {
                    let end = offset + $0.count
                    $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<end]))
                    offset = end
                }
            }
        }
        return sums
    }

    /// The plan of the last call, or a new one, which all ranks agree on first.
    private func plan(for gradients: [MLXArray]) throws(DistributedError) -> Plan {
        let signatures = gradients.map(ArraySignature.init)
        if let plan, plan.signatures == signatures { return plan }
        try ArraySignature.checkAgreement(signatures, over: group.transport)
        let tensors = signatures.enumerated().map { index, signature in
            (name: "\(index)", byteCount: signature.byteCount, dtype: signature.dtype)
        }
        let buckets = Buckets(tensors, capacity: bucketBytes, firstCapacity: firstBucketBytes)
        let new = Plan(signatures: signatures, buckets: buckets.buckets)
        plan = new
        return new
    }

    private struct Plan {
        let signatures: [ArraySignature]
        let buckets: [Buckets.Bucket]
        let scratch: [Scratch]

        init(signatures: [ArraySignature], buckets: [Buckets.Bucket]) {
            self.signatures = signatures
            self.buckets = buckets
            scratch = buckets.map { Scratch(byteCount: $0.byteCount) }
        }
    }
}
