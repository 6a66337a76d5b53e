/// A number for which samples stand at which places of a step's batch, the same for every number of
/// ranks: each rank gives its part, and the sum of the parts tells all.
package enum BatchDigest {
    /// One rank's part, below 2^32, so that the sum over the ranks is exact.
    package static func part(_ batch: StepBatch) -> Double {
        var (sum, position) = (UInt32(0), UInt64(batch.firstPosition))
        for row in batch.microBatches.joined() {
            var generator = SplitMix64(seed: position, stream: UInt64(row))
            sum &+= UInt32(truncatingIfNeeded: generator.next() >> 32)
            position += 1
        }
        return Double(sum)
    }

    /// The digest of a step, from the sum of the parts: eight digits.
    package static func text(_ sum: Double) -> String {
        let digits = String(UInt64(sum) & 0xFFFF_FFFF, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
