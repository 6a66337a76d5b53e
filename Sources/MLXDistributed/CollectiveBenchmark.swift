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
        let memory = Scratch(byteCount: size)
        guard let start = memory.buffer.baseAddress else { return [] }
        let gradients = [
            MLXArray(rawPointer: start, [size / 4], dtype: .float32) {
                withExtendedLifetime(memory) {}
            }
        ]
        let reducer = GradientReducer(group: group)
        var state = (0..<3).map { _ in zeros([size / 4]) }
        eval(state)
        var ways: [Way] = [
            Way(path: "adamw") {
                try reducer.withSums(of: gradients) { sums in
                    // Held by nobody else, the arrays are changed in place, as an optimizer's are.
                    state = step(&state, sums[0])
                    eval(state)
                }
            }
        ]
        if ShardedParameters.isPossible(in: group) {
            let shards = try ShardedParameters(
                [zeros([size / 4])], state: [[zeros([size / 4])], [zeros([size / 4])]],
                group: group)
            let rule = UpdateRule.adam(
                rate: 1e-3, betas: (0.9, 0.999), eps: 1e-8, decay: 0.01, step: nil)
            ways.append(
                Way(path: "adamw_sharded") {
                    _ = try shards.step(gradients, divisor: 1, limit: nil, rules: [rule])
                })
        }
        return try rows(ways, memory.buffer)
    }

    /// The parameters and moments after a step.
    private func step(_ state: inout [MLXArray], _ gradient: MLXArray) -> [MLXArray] {
        defer { state = [] }
        let (p, m, v) = OptimizerOps.adam(
            state[0], gradient, state[1], state[2], rate: MLXArray(Float(1e-3)), step: nil,
            betas: (0.9, 0.999), eps: 1e-8, decay: 0.01)
        return [p, m, v]
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

    /// Something to be timed.
    private struct Way {
        let path: String
        let call: () throws -> Void
    }

    private func row(
        _ path: String, _ buffer: UnsafeMutableRawBufferPointer, _ call: @escaping () throws -> Void
    ) throws -> Row {
        try rows([Way(path: path, call: call)], buffer)[0]
    }

    /// Times ways in turns, so that all meet the same minutes of the machine. The buffer is written
    /// anew before each call, as gradients are.
    private func rows(_ ways: [Way], _ buffer: UnsafeMutableRawBufferPointer) throws -> [Row] {
        let first = try time(ways, buffer, 3).joined().max() ?? 0
        let wish = max(5, min(2000, seconds / max(first * 2, 1e-6)))
        let count = Int(try group.allReduce([wish], .min)[0])
        return try zip(ways, time(ways, buffer, count)).map { way, times in
            let slowest = try group.allReduce(times, .max)
            return Row(
                path: way.path, byteCount: buffer.count, seconds: slowest.sorted()[count / 2],
                ranks: group.size)
        }
    }

    /// The seconds of each call of each way.
    private func time(
        _ ways: [Way], _ buffer: UnsafeMutableRawBufferPointer, _ count: Int
    ) throws -> [[Double]] {
        let floats = buffer.bindMemory(to: Float.self)
        let clock = ContinuousClock()
        var times = ways.map { _ in [Double]() }
        for round in 0..<count {
            for (index, way) in ways.enumerated() {
                floats.update(repeating: Float(round % 100 + group.rank))
                try group.barrier()
                let start = clock.now
                try way.call()
                times[index].append((clock.now - start) / .seconds(1))
            }
        }
        return times
    }
}
