import MLX

/// What `vmap` over a thousand rows costs beside the batched form written by hand.
struct VmapSuite {
    private let options: Options
    /// So long each form is called in one sample, in seconds.
    private static let sample = 0.002
    /// What `vmap` may cost beside the other form.
    private static let limit = 1.2

    init(_ options: Options) { self.options = options }

    /// Prints a line a pair: the medians, the median of the pairs' ratios, and the verdict.
    func run() throws {
        let runner = Runner(options)
        let pairs = try runner.wanted(VmapPair.all, by: \.name)
        show("| over 1,000 rows | vmap, us | by hand, us | ratio | at most \(Self.limit) |")
        show("|---|---|---|---|---|")
        var missed = 0
        for pair in pairs {
            let (vmapped, plain, ratio) = measure(pair)
            let verdict = pair.isExempt ? "exempt" : ratio <= Self.limit ? "yes" : "**no**"
            if !pair.isExempt, ratio > Self.limit { missed += 1 }
            let figures = [vmapped * 1e6, plain * 1e6, ratio].map {
                $0.formatted(.number.precision(.significantDigits(3)).grouping(.never))
            }
            show("| \(pair.name) | \(figures.joined(separator: " | ")) | \(verdict) |")
        }
        show("\n\(missed) of \(pairs.count) above \(Self.limit)")
    }

    /// The two forms in turns, A B B A, so that what else the machine does falls on both alike.
    private func measure(_ pair: VmapPair) -> (vmapped: Double, plain: Double, ratio: Double) {
        let inputs = pair.inputs()
        eval(inputs)
        let (vmapped, plain) = (pair.vmapped, pair.byHand)
        func time(_ form: ([MLXArray]) -> [MLXArray], _ count: Int) -> Double {
            let start = ContinuousClock.now
            for _ in 0..<count { eval(form(inputs)) }
            return (ContinuousClock.now - start) / .seconds(1) / Double(count)
        }
        for _ in 0..<3 { _ = (time(vmapped, 1), time(plain, 1)) }
        let count = max(1, Int(Self.sample / max(time(plain, 3), 1e-7)))
        var samples: [(vmapped: Double, plain: Double)] = []
        for round in 0..<2 * options.reps {
            if round % 2 == 0 {
                let first = time(vmapped, count)
                samples.append((first, time(plain, count)))
            } else {
                let first = time(plain, count)
                samples.append((time(vmapped, count), first))
            }
        }
        return (
            Samples(samples.map(\.vmapped)).median, Samples(samples.map(\.plain)).median,
            Samples(samples.map { $0.vmapped / $0.plain }).median
        )
    }
}

/// A function of one row, over all rows by `vmap`, and the same by hand.
struct VmapPair {
    let name: String
    /// Whether the operation is a factorisation, which has no batched kernel anywhere.
    var isExempt = false
    let inputs: () -> [MLXArray]
    let vmapped: ([MLXArray]) -> [MLXArray]
    let byHand: ([MLXArray]) -> [MLXArray]

    /// - Parameters:
    ///   - shapes: the inputs' shapes without the rows' axis
    ///   - row: the function of one row
    ///   - batch: the same function of all rows
    init(
        _ name: String, _ shapes: [[Int]], isExempt: Bool = false,
        row: @escaping ([MLXArray]) -> MLXArray, batch: @escaping ([MLXArray]) -> MLXArray
    ) {
        self.name = name
        self.isExempt = isExempt
        inputs = {
            shapes.enumerated().map { index, shape in
                MLXRandom.normal([1000] + shape, key: MLXRandom.key(UInt64(index)))
            }
        }
        vmapped = vmap({ [row($0)] }, inAxes: [0], outAxes: [0])
        byHand = { [batch($0)] }
    }
}
