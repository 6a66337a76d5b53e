/// A function that gives the values of `f` and the gradients of its first output, a scalar, by the
/// arguments that are named.
///
/// The other outputs are handed through. An argument that does not matter has zeros as gradient.
public func valueAndGrad(
    _ f: @escaping ([MLXArray]) -> [MLXArray], argumentNumbers: some Collection<Int> = [0]
) -> ([MLXArray]) -> ([MLXArray], [MLXArray]) {
    let numbers = Array(argumentNumbers)
    return { arguments in
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        if let error = refusal(numbers, arguments.count) {
            ErrorHandler.report(error)
            return ([], numbers.map { _ in MLXArray(0) })
        }
        let primals = numbers.map { arguments[$0] }
        let (inputs, outputs) = Trace.run(
            { tracers in
                var all = arguments
                for (number, tracer) in zip(numbers, tracers) { all[number] = tracer }
                return f(all)
            }, on: primals)
        guard let first = outputs.first, first.size == 1, first.dtype.isFloatingPoint else {
            let shape = outputs.first?.shape ?? []
            ErrorHandler.report(
                .caught(
                    "[grad] the function's first output must be a floating-point scalar, not of shape \(shape)"
                ))
            return (outputs, primals.map { zeros(like: $0) })
        }
        let one = broadcast(constant(1, like: first), to: first.shape)
        let gradients = ReverseMode.gradients(outputs: [first], cotangents: [one], inputs: inputs)
        return (outputs, zip(gradients, primals).map { $0 ?? zeros(like: $1) })
    }
}

private func refusal(_ numbers: [Int], _ count: Int) -> MLXError? {
    if Set(numbers).count != numbers.count {
        return .caught("[grad] argument numbers \(numbers) repeat")
    }
    if let wrong = numbers.first(where: { !(0..<count ~= $0) }) {
        return .caught("[grad] there is no argument \(wrong): the function has \(count)")
    }
    return nil
}

/// A function that gives the gradients of the first output of `f`, a scalar.
public func grad(
    _ f: @escaping ([MLXArray]) -> [MLXArray], argumentNumbers: some Collection<Int> = [0]
) -> ([MLXArray]) -> [MLXArray] {
    let both = valueAndGrad(f, argumentNumbers: argumentNumbers)
    return { both($0).1 }
}

/// A function that gives the gradient of `f`, a scalar, by the first of the named arguments.
public func grad(
    _ f: @escaping ([MLXArray]) -> MLXArray, argumentNumbers: some Collection<Int> = [0]
) -> ([MLXArray]) -> MLXArray {
    let both = valueAndGrad({ [f($0)] }, argumentNumbers: argumentNumbers)
    return { both($0).1[0] }
}

/// A function that gives the gradients of the first output of `f`, a scalar.
public func grad(_ f: @escaping (MLXArray) -> [MLXArray]) -> (MLXArray) -> [MLXArray] {
    let both = valueAndGrad { f($0[0]) }
    return { both([$0]).1 }
}

/// A function that gives the gradient of `f`, a scalar.
public func grad(_ f: @escaping (MLXArray) -> MLXArray) -> (MLXArray) -> MLXArray {
    let both = valueAndGrad { [f($0[0])] }
    return { both([$0]).1[0] }
}
