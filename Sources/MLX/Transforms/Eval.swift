/// Computes arrays now; errors go to the error handler.
public func eval(_ arrays: MLXArray...) { eval(arrays) }

/// Computes arrays now; errors go to the error handler.
public func eval(_ arrays: some Collection<MLXArray>) {
    do {
        try evaluate(arrays)
    } catch {
        ErrorHandler.report(error)
    }
}

private func evaluate(_ arrays: some Collection<MLXArray>) throws(MLXError) {
    try Evaluate.run(arrays.map(\.value.node))
    for array in arrays { array.letGoOfOthers() }
}

/// Computes every array in the values: arrays, `Evaluatable`s, and collections, dictionaries and
/// tuples of them; numbers and strings are passed over.
public func eval(_ values: Any...) { eval(Gather.arrays(values)) }

/// Computes every array in the values; see ``eval(_:)-(Any...)``.
public func eval(_ values: some Sequence<Any>) { eval(Gather.arrays(Array(values))) }

/// Computes every array in the values and throws the first error.
public func checkedEval(_ values: Any...) throws {
    try evaluate(Gather.arrays(values))
}

private enum Gather {
    static func arrays(_ values: [Any]) -> [MLXArray] {
        var found: [MLXArray] = []
        for value in values { collect(value, &found) }
        return found
    }

    private static func collect(_ value: Any, _ found: inout [MLXArray]) {
        switch value {
        case let value as MLXArray: found.append(value)
        case let value as [MLXArray]: found += value
        case let value as any Evaluatable: found += value.innerState()
        case let value as any Updatable: found += value.innerState()
        case is String, is any Numeric, is Bool: break
        default:
            for child in Mirror(reflecting: value).children { collect(child.value, &found) }
        }
    }
}
