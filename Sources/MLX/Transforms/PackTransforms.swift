/// A function that gives the value of `f` and its gradients by all arrays of all its arguments, in
/// the arguments' structure.
///
/// The value of `f` is a scalar; an array that does not matter has zeros as gradient.
@_disfavoredOverload
public func valueAndGrad<each Argument: ArrayTree>(
    _ f: @escaping (repeat each Argument) -> MLXArray
) -> (repeat each Argument) -> (MLXArray, (repeat each Argument)) {
    { (arguments: repeat each Argument) in
        let pack = ArgumentPack(repeat each arguments)
        let arrays = pack.arrays
        let both = valueAndGrad(
            { arrays in
                let replaced = pack.replacing(arrays)
                return [f(repeat each replaced)]
            }, argumentNumbers: Array(arrays.indices))
        let (values, gradients) = both(arrays)
        return (values[0], pack.replacing(gradients))
    }
}

/// A function that gives the gradients of `f`, a scalar, by all arrays of all its arguments, in the
/// arguments' structure.
@_disfavoredOverload
public func grad<each Argument: ArrayTree>(
    _ f: @escaping (repeat each Argument) -> MLXArray
) -> (repeat each Argument) -> (repeat each Argument) {
    let both: (repeat each Argument) -> (MLXArray, (repeat each Argument)) = valueAndGrad(f)
    return { (arguments: repeat each Argument) in both(repeat each arguments).1 }
}

/// A function that gives the values of `f` and its gradients by the arrays of a dictionary; the
/// other argument is handed through.
///
/// The first value of `f` is a scalar.
public func valueAndGrad<T>(
    _ f: @escaping (NestedDictionary<String, MLXArray>, T) -> [MLXArray]
) -> (NestedDictionary<String, MLXArray>, T) -> ([MLXArray], NestedDictionary<String, MLXArray>) {
    { parameters, rest in
        let arrays = parameters.flattenedValues()
        let both = valueAndGrad(
            { f(parameters.replacingValues(with: $0), rest) },
            argumentNumbers: Array(arrays.indices))
        let (values, gradients) = both(arrays)
        return (values, parameters.replacingValues(with: gradients))
    }
}

/// The value of `f` and its derivative in the direction of the tangents, which have the structure
/// of the arguments.
@_disfavoredOverload
public func jvp<each Argument: ArrayTree, Result: ArrayTree>(
    _ f: @escaping (repeat each Argument) -> Result, primals: (repeat each Argument),
    tangents: (repeat each Argument)
) -> (Result, Result) {
    let pack = ArgumentPack(repeat each primals)
    let direction = ArgumentPack(repeat each tangents)
    var result: Result?
    let (values, derivatives) = jvp(
        { arrays in
            let replaced = pack.replacing(arrays)
            let value = f(repeat each replaced)
            result = value
            return value.treeArrays
        }, primals: pack.arrays, tangents: direction.arrays)
    return rebuilt(result, values, derivatives, orElse: { f(repeat each primals) })
}

/// The value of `f` and the gradients by its arguments, in their structure, for a cotangent in the
/// structure of the value.
@_disfavoredOverload
public func vjp<each Argument: ArrayTree, Result: ArrayTree>(
    _ f: @escaping (repeat each Argument) -> Result, primals: (repeat each Argument),
    cotangents: Result
) -> (Result, (repeat each Argument)) {
    let pack = ArgumentPack(repeat each primals)
    let (values, gradients) = vjp(
        { arrays in
            let replaced = pack.replacing(arrays)
            return f(repeat each replaced).treeArrays
        }, primals: pack.arrays, cotangents: cotangents.treeArrays)
    var rest = values[...]
    return (cotangents.taking(from: &rest), pack.replacing(gradients))
}

/// A function that runs `f` for every index of an axis of its arguments, in one batched pass; the
/// axis comes out in front.
///
/// - Parameter inAxes: for each argument the axis, of all its arrays, that is repeated over, or nil
///   where it is the same for all; one element stands for all arguments
@_disfavoredOverload
public func vmap<each Argument: ArrayTree, each Result: ArrayTree>(
    _ f: @escaping (repeat each Argument) -> (repeat each Result), inAxes: [Int?] = [0]
) -> (repeat each Argument) -> (repeat each Result) {
    { (arguments: repeat each Argument) in
        let pack = ArgumentPack(repeat each arguments)
        let counts = pack.counts
        let axes =
            inAxes.count == counts.count
            ? zip(inAxes, counts).flatMap { [Int?](repeating: $0, count: $1) } : inAxes
        var results: ArgumentPack<repeat each Result>?
        let batched = vmap(
            { arrays in
                let replaced = pack.replacing(arrays)
                let values = f(repeat each replaced)
                let found = ArgumentPack(repeat each values)
                results = found
                return found.arrays
            }, inAxes: axes)(pack.arrays)
        // Where the axes were refused, `f` has not run.
        guard let results else { return f(repeat each arguments) }
        return results.replacing(batched)
    }
}

/// Two values in the structure of what a function gave while it was traced.
private func rebuilt<Result: ArrayTree>(
    _ structure: Result?, _ first: [MLXArray], _ second: [MLXArray], orElse: () -> Result
) -> (Result, Result) {
    let structure = structure ?? orElse()
    var (first, second) = (first[...], second[...])
    return (structure.taking(from: &first), structure.taking(from: &second))
}
