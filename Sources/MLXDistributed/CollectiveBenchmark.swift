import MLX

/// Times the all-reduce of a group, float32 sums, over each way that its bytes can go.
package struct CollectiveBenchmark {
    /// One way and one size.
    package struct Row: Sendable, Equatable {
        /// `shared_memory`, `shared_memory_arena`, or the name of the transport.
        package let path: String
        /// Bytes of a rank's buffer.
        package let byteCount: Int
        /// The median time of a call, of which each took as long as its slowest rank.
        package let seconds: Double
        package let ranks: Int

        /// Bytes reduced a second.
        package var algorithmBandwidth: Double { Double(byteCount) / seconds }

        /// The bytes a second that cross the link of a rank in a bandwidth-optimal algorithm,
        /// which can be compared over numbers of ranks.
        package var busBandwidth: Double {
            algorithmBandwidth * 2 * Double(ranks - 1) / Double(ranks)
        }
    }

    private let group: Group
    private let seconds: Double

    /// `seconds` is about how long each row is measured.
    package init(_ group: Group, seconds: Double = 0.5) {
        self.group = group
        self.seconds = seconds
    }

    /// The rows of the sizes, in bytes; a collective. Every rank gets the same.
    package func rows(_ sizes: [Int]) throws -> [Row] {
        var rows: [Row] = []
        for size in sizes {
            let buffer = Scratch(byteCount: size)
            rows.append(
                try row(group.transport.path, buffer.buffer) { () throws(DistributedError) in
                    try group.transport.allReduce(
                        buffer.buffer, dtype: .float32, operation: .sum)
                })
            guard let shared = group.transport as? SharedMemoryTransport else { continue }
            rows.append(try arenaRow(size, shared))
            rows.append(
                try row(shared.outer.name, buffer.buffer) { () throws(DistributedError) in
                    try shared.outer.allReduce(buffer.buffer, dtype: .float32, operation: .sum)
                })
        }
        return rows
    }

    /// A step of AdamW with the sums of all ranks' gradients, of the size of the parameters in bytes:
    /// on every rank, and where they share memory also shared out; a collective.
    package func optimizerRows(_ size: Int) throws -> [Row] {
        let gradients = [Scratch(byteCount: size)]
        func addends() -> [MLXArray] {
            gradients.map { scratch in
                makeArray(shape: [size / 4], dtype: .float32) { bytes in
                    bytes.copyMemory(from: UnsafeRawBufferPointer(scratch.buffer))
                }
            }
        }
        let reducer = GradientReducer(group: group)
        var state = (0..<3).map { _ in zeros([size / 4]) }
        eval(state)
        var given: [MLXArray] = []
        var rows = [
            try row(
                "adamw", gradients[0].buffer, prepare: { given = addends() },
                {
                    try reducer.withSums(of: given) { sums in
                        let (p, m, v) = OptimizerOps.adam(
                            state[0], sums[0], state[1], state[2], rate: MLXArray(Float(1e-3)),
                            step: nil, betas: (0.9, 0.999), eps: 1e-8, decay: 0.01)
                        state = [p, m, v]
                        eval(state)
                    }
                })
        ]
        guard ShardedParameters.isPossible(in: group) else { return rows }
        let shards = try ShardedParameters(
            [zeros([size / 4])], state: [[zeros([size / 4])], [zeros([size / 4])]], group: group)
        let rule = UpdateRule.adam(
            rate: 1e-3, betas: (0.9, 0.999), eps: 1e-8, decay: 0.01, step: nil)
        rows.append(
            try row(
                "adamw_sharded", gradients[0].buffer, prepare: { given = addends() },
                { _ = try shards.step(given, divisor: 1, limit: nil, rules: [rule]) }))
        return rows
    }

    /// Sums that are written to the shared memory in place, as gradients are.
    private func arenaRow(_ size: Int, _ shared: SharedMemoryTransport) throws -> Row {
        let buckets = try shared.makeBuckets(byteCount: size)
        let pieces = stride(from: 0, to: size, by: 4 << 20).map { $0..<min(size, $0 + 4 << 20) }
        let reductions = try pieces.map {
            try RankReduction(dtype: .float32, operation: .sum, byteCount: $0.count)
        }
        return try row("shared_memory_arena", buckets.own) { () throws(DistributedError) in
            try shared.exclusively { (_) throws(DistributedError) in
                for (piece, reduction) in zip(pieces, reductions) {
                    try buckets.reduce(
                        piece, CollectiveCall(.gradients, byteCount: piece.count), reduction)
                }
                try buckets.finish(CollectiveCall(.barrier, byteCount: 0))
            }
        }
    }

    /// Writes the buffer anew before each call, as gradients are.
    private func row(
        _ path: String, _ buffer: UnsafeMutableRawBufferPointer, prepare: () -> Void = {},
        _ call: () throws -> Void
    ) throws -> Row {
        let first = try time(buffer, 3, prepare, call).max() ?? 0
        let wish = max(5, min(2000, seconds / max(first * 2, 1e-6)))
        let count = Int(try group.allReduce([wish], .min)[0])
        let slowest = try group.allReduce(try time(buffer, count, prepare, call), .max)
        return Row(
            path: path, byteCount: buffer.count, seconds: slowest.sorted()[count / 2],
            ranks: group.size)
    }

    private func time(
        _ buffer: UnsafeMutableRawBufferPointer, _ count: Int, _ prepare: () -> Void,
        _ call: () throws -> Void
    ) throws -> [Double] {
        let floats = buffer.bindMemory(to: Float.self)
        let clock = ContinuousClock()
        var times: [Double] = []
        for round in 0..<count {
            floats.update(repeating: Float(round % 100 + group.rank))
            prepare()
            try group.barrier()
            let start = clock.now
            try call()
            times.append((clock.now - start) / .seconds(1))
        }
        return times
    }
}
