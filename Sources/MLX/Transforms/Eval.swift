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
    if arrays.count == 1, let array = arrays.first {
        try Evaluate.run(array.value.node)
        array.letGoOfOthers()
    } else {
        try Evaluate.run(arrays.map(\.value.node))
        for array in arrays { array.letGoOfOthers() }
    }
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

/// Computes every array in the values and throws the first error.
public func checkedEval(_ values: some Sequence<Any>) throws {
    try Evaluate.run(Gather.arrays(Array(values)).map(\.value.node))
}

/// Starts to compute arrays and returns at once; whoever asks for a value waits for it, and meets
/// its error.
public func asyncEval(_ arrays: some Collection<MLXArray>) {
    // Inside a transform the graph must outlive the evaluation, which this thread sees to.
    if Trace.isActive { return eval(arrays) }
    Background.shared.submit(arrays.map(\.value.node))
}

/// Starts to compute every array in the values and returns at once; see ``eval(_:)-(Any...)`` for
/// what they may be.
public func asyncEval(_ values: Any...) { asyncEval(Gather.arrays(values)) }

/// Starts to compute every array in the values and returns at once.
public func asyncEval(_ values: some Sequence<Any>) { asyncEval(Gather.arrays(Array(values))) }

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
