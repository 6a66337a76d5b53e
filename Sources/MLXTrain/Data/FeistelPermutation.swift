/// An order of the numbers below a count that takes no memory: any place can be asked for.
///
/// A Feistel network of eight rounds permutes the smallest power of four that is large enough, and
/// is walked again from a number beyond the count (cycle walking: Black, Rogaway, "Ciphers with
/// arbitrary finite domains", 2002), four times at most on average.
package struct FeistelPermutation: Equatable, Sendable {
    package let count: Int
    private let halfBits: UInt64
    private let keys: [UInt64]

    private static let rounds = 8

    /// The order of `count` numbers, at least one, that follows from `seed` and `stream`.
    package init(count: Int, seed: UInt64, stream: UInt64) {
        precondition(count > 0, "[FeistelPermutation] there is nothing to order")
        self.count = count
        let bits = UInt64(Int.bitWidth - (count - 1).leadingZeroBitCount)
        halfBits = max(1, (bits + 1) / 2)
        var generator = SplitMix64(seed: seed, stream: stream)
        keys = (0..<FeistelPermutation.rounds).map { _ in generator.next() }
    }

    /// The number at a place.
    package subscript(place: Int) -> Int {
        precondition(place >= 0 && place < count, "[FeistelPermutation] place \(place) of \(count)")
        var value = UInt64(place)
        repeat { value = permuted(value) } while value >= UInt64(count)
        return Int(value)
    }

    /// The place of a number.
    package func place(of number: Int) -> Int {
        precondition(number >= 0 && number < count, "[FeistelPermutation] \(number) of \(count)")
        var value = UInt64(number)
        repeat { value = restored(value) } while value >= UInt64(count)
        return Int(value)
    }

    private var mask: UInt64 { 1 << halfBits - 1 }

    private func permuted(_ value: UInt64) -> UInt64 {
        var (left, right) = (value >> halfBits, value & mask)
        for key in keys { (left, right) = (right, left ^ scrambled(right, key)) }
        return left << halfBits | right
    }

    private func restored(_ value: UInt64) -> UInt64 {
        var (left, right) = (value >> halfBits, value & mask)
        for key in keys.reversed() { (left, right) = (right ^ scrambled(left, key), left) }
        return left << halfBits | right
    }

    /// The bits of a half that the other half is joined with.
    private func scrambled(_ half: UInt64, _ key: UInt64) -> UInt64 {
        var bits = half &+ key
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return (bits ^ (bits >> 31)) & mask
    }
}

/// The order of an epoch's samples: a list where it is short, else one that takes no memory.
enum SampleOrder: Sendable {
    case list([Int])
    case network(FeistelPermutation)

    /// The longest list: 8 MiB.
    static let longestList = 1 << 20

    init(count: Int, seed: UInt64, epoch: Int) {
        let stream = Permutation.epoch(epoch)
        self =
            count <= SampleOrder.longestList
            ? .list(Permutation.of(count, seed: seed, stream: stream))
            : .network(FeistelPermutation(count: count, seed: seed, stream: stream))
    }

    /// The samples at some places.
    subscript(places: Range<Int>) -> [Int] {
        switch self {
        case .list(let order): Array(order[places])
        case .network(let order): places.map { order[$0] }
        }
    }
}
