/// Which samples of a file a dataset has, and in which order.
enum SampleRows: Equatable, Sendable {
    /// The samples from the first on.
    case first(Int)
    /// Samples by number.
    case list([Int])
    /// Those at some places of an order; takes no memory.
    case places(FeistelPermutation, Range<Int>)

    var count: Int {
        switch self {
        case .first(let count): count
        case .list(let rows): rows.count
        case .places(_, let places): places.count
        }
    }

    subscript(index: Int) -> Int {
        switch self {
        case .first: index
        case .list(let rows): rows[index]
        case .places(let order, let places): order[places.lowerBound + index]
        }
    }

    /// `count` samples in two: what is trained on and what is held out.
    ///
    /// These are the samples at the first `held` places of a permutation that depends on the seed
    /// alone. Where there are few samples both parts are in the order of the file.
    static func split(
        _ count: Int, held: Int, seed: UInt64
    ) -> (train: SampleRows, test: SampleRows) {
        guard count <= SampleOrder.longestList else {
            let order = FeistelPermutation(count: count, seed: seed, stream: Permutation.split)
            return (.places(order, held..<count), .places(order, 0..<held))
        }
        let order = Permutation.of(count, seed: seed, stream: Permutation.split)
        return (.list(order.dropFirst(held).sorted()), .list(order.prefix(held).sorted()))
    }
}
