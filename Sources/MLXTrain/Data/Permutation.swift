/// The generator SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
package struct SplitMix64: Sendable {
    private var state: UInt64

    /// - Parameters:
    ///   - seed: the job's seed.
    ///   - stream: which of the seed's independent sequences.
    package init(seed: UInt64, stream: UInt64) {
        state = seed
        state = next() ^ stream
        state = next()
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// A number below `bound`, each as likely as the others (Lemire 2019).
    package mutating func next(below bound: UInt64) -> UInt64 {
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return product.high
    }
}

/// Orders of samples that depend on a seed alone.
package enum Permutation {
    /// The stream of the split into training and test samples.
    package static let split: UInt64 = 0

    /// The stream of the order of an epoch's samples.
    package static func epoch(_ epoch: Int) -> UInt64 { UInt64(epoch) + 1 }

    /// The numbers below `count` in an order that is a function of `seed` and `stream`
    /// (Fisher–Yates, from the last place down).
    package static func of(_ count: Int, seed: UInt64, stream: UInt64) -> [Int] {
        var generator = SplitMix64(seed: seed, stream: stream)
        var order = Array(0..<count)
        var last = count - 1
        while last > 0 {
            order.swapAt(last, Int(generator.next(below: UInt64(last + 1))))
            last -= 1
        }
        return order
    }
}
