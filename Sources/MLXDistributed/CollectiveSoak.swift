import MLX

/// Many sums of arrays of mixed sizes back to back, as of a model's gradients one by one, each of
/// which is checked.
package struct CollectiveSoak {
    package struct Report: Sendable {
        package let calls: Int
        package let arrays: Int
        /// Bytes of all arrays of a call.
        package let byteCount: Int
        package let seconds: Double
        /// The longest call on any rank.
        package let slowestSeconds: Double
    }

    /// As many arrays as a language model of 24 layers has parameters.
    private static let arrayCount = 195
    /// Elements; a model has few large parameters and many small ones.
    private static let counts = [1, 7, 64, 576, 192, 1536, 3, 4096, 257, 16_384, 512, 100, 33]

    private let group: Group

    package init(_ group: Group) { self.group = group }

    /// Sums all arrays `calls` times; a collective. Throws where a sum is wrong.
    package func run(calls: Int) throws(DistributedError) -> Report {
        let sizes = (0..<Self.arrayCount).map { Self.counts[$0 * 5 % Self.counts.count] }
        let memory = Scratch(byteCount: sizes.reduce(0, +) * 4)
        let clock = ContinuousClock()
        let start = clock.now
        var slowest = Duration.zero
        for call in 0..<calls {
            let before = clock.now
            var offset = 0
            for (index, count) in sizes.enumerated() {
                let bytes = UnsafeMutableRawBufferPointer(
                    rebasing: memory.buffer[offset..<(offset + count * 4)])
                let values = bytes.bindMemory(to: Float.self)
                values.update(repeating: addend(call, index, group.rank))
                try group.transport.allReduce(bytes, dtype: .float32, operation: .sum)
                let sum = (0..<group.size).reduce(Float(0)) { $0 + addend(call, index, $1) }
                guard values.allSatisfy({ $0 == sum }) else {
                    throw .transport(
                        name: group.path, call: "allReduce",
                        message: "array \(index) of call \(call) has a wrong sum")
                }
                offset += count * 4
            }
            slowest = max(slowest, clock.now - before)
        }
        let times = [(clock.now - start) / .seconds(1), slowest / .seconds(1)]
        let longest = try group.allReduce(times, .max)
        return Report(
            calls: calls, arrays: sizes.count, byteCount: memory.buffer.count,
            seconds: longest[0], slowestSeconds: longest[1])
    }

    private func addend(_ call: Int, _ index: Int, _ rank: Int) -> Float {
        Float((call + index + 3 * rank) % 64)
    }
}
