import MLX

/// What the graph itself costs: time a node, and memory of a long chain.
enum GraphCases {
    private static let length = 10_000

    static func chains() -> [Case] {
        [
            additions("dispatch_add_chain", count: length),
            perNode("dispatch_add_chain_compiled", count: length) {
                let chain = compile { (x: MLXArray) in add(to: x, count: length) }
                let x = MLXArray.zeros([4])
                return { eval(chain(x)) }
            },
        ]
    }

    static func additions(_ name: String, count: Int) -> Case {
        perNode(name, count: count) { { eval(add(to: MLXArray.zeros([4]), count: count)) } }
    }

    private static func perNode(
        _ name: String, count: Int, _ make: @escaping () -> () -> Void
    ) -> Case {
        Case(
            name: name, metric: "us/op", value: { $0 / Double(count) * 1e6 },
            make: { _ in make() })
    }

    private static func add(to start: MLXArray, count: Int) -> MLXArray {
        var x = start
        for _ in 0..<count { x = x + 1 }
        return x
    }

    /// The growth of the process while 200 operations on 16 MiB run one after the other.
    static func memoryPeak() -> Case {
        var start = 0.0
        return Case(
            name: "mempeak_chain200", metric: "peak MiB over start (array is 16 MiB)",
            value: { _ in ProcessMemory.peak() - start },
            make: { _ in
                waves(1 << 10)
                try ProcessMemory.resetPeak()
                start = ProcessMemory.resident()
                return { waves(1 << 22) }
            })
    }

    private static func waves(_ count: Int) {
        var x = MLXRandom.normal([count])
        for _ in 0..<100 { x = sin(x) * 1.01 }
        eval(x)
    }
}
