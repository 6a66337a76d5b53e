/// Something to time.
struct Case {
    let name: String
    /// The unit of the value.
    let metric: String
    /// The value from the seconds of one call; asked for once, after the last call.
    let value: (Double) -> Double
    /// Further figures for the line, asked for after the last call.
    var notes: () -> [(String, Double)] = { [] }
    /// Makes what is needed, and gives a function that does the work once and waits for its end.
    let make: (Setting) throws -> () throws -> Void
}

/// What all cases of a run have in common.
struct Setting {
    let threads: Int
}

extension Case {
    /// A case whose value is an amount of work by the second, in units of `scale`.
    static func rate(
        _ name: String, _ metric: String, _ amount: Double, per scale: Double,
        _ make: @escaping () -> () -> Void
    ) -> Case {
        Case(name: name, metric: metric, value: { amount / $0 / scale }, make: { _ in make() })
    }

    /// A case whose value is its seconds.
    static func timed(
        _ name: String, _ make: @escaping (Setting) throws -> () throws -> Void
    ) -> Case {
        Case(name: name, metric: "s", value: { $0 }, make: make)
    }

    static func flops(_ name: String, _ count: Int, _ make: @escaping () -> () -> Void) -> Case {
        rate(name, "GFLOP/s", Double(count), per: 1e9, make)
    }

    static func bytes(_ name: String, _ count: Int, _ make: @escaping () -> () -> Void) -> Case {
        rate(name, "GB/s", Double(count), per: 1e9, make)
    }

    static func elements(_ name: String, _ count: Int, _ make: @escaping () -> () -> Void) -> Case {
        rate(name, "Melem/s", Double(count), per: 1e6, make)
    }
}
