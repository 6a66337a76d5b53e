/// A function that traces `f` once for each kind of arguments and from then on makes the graph of a
/// call from the trace, without running `f`.
///
/// A number that `f` computes from something else than its arguments and `inputs` stays what it was
/// at the trace: random numbers too, unless `MLXRandom.globalState` is among `inputs` and `outputs`.
///
/// - Parameters:
///   - inputs: what `f` reads beside its arguments
///   - outputs: what `f` changes; changed in place after each call
///   - shapeless: has no effect on results; a call with other shapes traces anew in any case
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping ([MLXArray]) -> [MLXArray]
) -> @Sendable ([MLXArray]) -> [MLXArray] {
    let compiled = CompiledFunction(function: f, inputs: inputs, outputs: outputs)
    return { compiled($0) }
}

/// See ``compile(inputs:outputs:shapeless:_:)``; for functions of arrays with one result.
public func compile<each Argument: CompiledValue>(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (repeat each Argument) -> MLXArray
) -> @Sendable (repeat each Argument) -> MLXArray {
    let compiled = CompiledFunction(
        function: { arrays in
            var position = 0
            return [f(repeat (each Argument).next(arrays, &position))]
        }, inputs: inputs, outputs: outputs)
    return { (arguments: repeat each Argument) in
        var arrays: [MLXArray] = []
        repeat arrays.append((each arguments).compiledArray)
        return compiled(arrays)[0]
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``; for functions of arrays with two results.
public func compile<each Argument: CompiledValue>(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (repeat each Argument) -> (MLXArray, MLXArray)
) -> @Sendable (repeat each Argument) -> (MLXArray, MLXArray) {
    let compiled = CompiledFunction(
        function: { arrays in
            var position = 0
            let results = f(repeat (each Argument).next(arrays, &position))
            return [results.0, results.1]
        }, inputs: inputs, outputs: outputs)
    return { (arguments: repeat each Argument) in
        var arrays: [MLXArray] = []
        repeat arrays.append((each arguments).compiledArray)
        let results = compiled(arrays)
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``; for functions of arrays with three results.
public func compile<each Argument: CompiledValue>(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (repeat each Argument) -> (MLXArray, MLXArray, MLXArray)
) -> @Sendable (repeat each Argument) -> (MLXArray, MLXArray, MLXArray) {
    let compiled = CompiledFunction(
        function: { arrays in
            var position = 0
            let results = f(repeat (each Argument).next(arrays, &position))
            return [results.0, results.1, results.2]
        }, inputs: inputs, outputs: outputs)
    return { (arguments: repeat each Argument) in
        var arrays: [MLXArray] = []
        repeat arrays.append((each arguments).compiledArray)
        let results = compiled(arrays)
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``; for functions of arrays with four results.
public func compile<each Argument: CompiledValue>(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (repeat each Argument) -> (MLXArray, MLXArray, MLXArray, MLXArray)
) -> @Sendable (repeat each Argument) -> (MLXArray, MLXArray, MLXArray, MLXArray) {
    let compiled = CompiledFunction(
        function: { arrays in
            var position = 0
            let results = f(repeat (each Argument).next(arrays, &position))
            return [results.0, results.1, results.2, results.3]
        }, inputs: inputs, outputs: outputs)
    return { (arguments: repeat each Argument) in
        var arrays: [MLXArray] = []
        repeat arrays.append((each arguments).compiledArray)
        let results = compiled(arrays)
        return (results[0], results[1], results[2], results[3])
    }
}

/// Turns compilation off or on for the whole process; off, compiled functions run their function.
public func compile(enable: Bool = true) {
    CompiledFunction.isEnabled.store(enable, ordering: .relaxed)
}

/// What a compiled function takes and gives: arrays.
public protocol CompiledValue: SendableMetatype {
    /// The value as an array.
    var compiledArray: MLXArray { get }

    /// The value that an array is.
    static func compiledValue(_ array: MLXArray) -> Self
}

extension CompiledValue {
    fileprivate static func next(_ arrays: [MLXArray], _ position: inout Int) -> Self {
        defer { position += 1 }
        return compiledValue(arrays[position])
    }
}

extension MLXArray: CompiledValue {
    /// The array itself.
    public var compiledArray: MLXArray { self }

    /// The array itself.
    public static func compiledValue(_ array: MLXArray) -> MLXArray { array }
}
