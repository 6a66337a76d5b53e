import CBench
import MLX

extension GrowthSuite {
    /// Elementwise work and sums beside a plain copy of as many bytes as they read and write.
    func perElement() -> [Series] {
        func series(_ name: String, arrays: Int, _ f: @escaping (MLXArray) -> MLXArray) -> Series {
            Series(
                name: "`\(name)`, beside a plain copy of the same bytes", size: "elements",
                unit: "time ÷ copy", band: 0.25,
                points: stride(from: 16, through: 28, by: 2).map { power in
                    Series.Point(name: "2^\(power)") { runner in
                        try timeBesideCopy(runner, count: 1 << power, arrays: arrays, f)
                    }
                })
        }
        return [
            series("x * 2 + 1", arrays: 2) { $0 * 2 + 1 },
            series("sum(x)", arrays: 1) { $0.sum() },
        ]
    }

    private func timeBesideCopy(
        _ runner: Runner, count: Int, arrays: Int, _ function: @escaping (MLXArray) -> MLXArray
    ) throws -> Double {
        let ours = try runner.best(
            ElementwiseCases.elementwise("ours", count) { function })
        // A copy reads one array and writes one; the better of one thread and all.
        let copied = count * arrays / 2
        guard let from = cb_floats(copied, 1, 0), let to = cb_floats(copied, 0, 20 << 10) else {
            throw OutOfMemory()
        }
        defer {
            cb_free(from, 0)
            cb_free(to, 20 << 10)
        }
        let copies = try [1, runner.setting.threads].map { threads in
            try runner.best(
                Case(name: "copy", metric: "", value: { $0 }) { _ in
                    {
                        threads == 1
                            ? cb_copy_alone(to, from, copied)
                            : cb_copy(to, from, copied, Int32(threads))
                    }
                })
        }
        return ours / copies.reduce(.infinity, min)
    }

    /// Square matrix products.
    func perProduct() -> [Series] {
        let sizes = [512, 768, 1024, 2048, 4096]
        return [
            Series(
                name: "Matrix products", size: "rows and columns", unit: "ps/FLOP", band: 0.2,
                points: sizes.map { n in
                    Series.Point(name: "\(n)") { runner in
                        try runner.best(ProductCases.product("", n, n, n))
                            / Double(2 * n * n * n) * 1e12
                    }
                })
        ]
    }

    /// Causal attention of 8 heads of 64.
    func perAttention() -> [Series] {
        [
            Series(
                name: "Causal attention, 8 heads of 64", size: "positions", unit: "ps/FLOP",
                band: 0.2,
                points: [256, 512, 1024, 2048, 4096].map { length in
                    let shape = [1, 8, length, 64]
                    return Series.Point(name: "\(length)") { runner in
                        try runner.best(AttentionCases.forward("", shape))
                            / Double(AttentionCases.flops(shape)) * 1e12
                    }
                })
        ]
    }

    /// A chain of additions to an array of four.
    func perNode() -> [Series] {
        [
            Series(
                name: "Chain of additions, built, evaluated and let go", size: "nodes",
                unit: "us/node", band: 2, growing: true,
                points: [1000, 10_000, 100_000, 1_000_000].map { count in
                    Series.Point(name: "\(count)") { runner in
                        try runner.best(GraphCases.additions("", count: count)) / Double(count)
                            * 1e6
                    }
                })
        ]
    }
}
