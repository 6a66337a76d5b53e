/// A part of a ``CustomFunction(_:)``.
public enum MLXCustomFunctionComponent {
    /// The function itself.
    case forward(([MLXArray]) -> [MLXArray])
    /// The gradients by the inputs, given the inputs and the cotangents of the outputs.
    case vjp(([MLXArray], [MLXArray]) -> [MLXArray])
}

/// The function itself.
public func Forward(_ f: @escaping ([MLXArray]) -> [MLXArray]) -> MLXCustomFunctionComponent {
    .forward(f)
}

/// The gradients by the inputs, given the inputs and the cotangents of the outputs.
public func VJP(
    _ f: @escaping ([MLXArray], [MLXArray]) -> [MLXArray]
) -> MLXCustomFunctionComponent { .vjp(f) }

/// Puts the parts of a custom function together.
public enum MLXCustomFunctionBuilder {
    /// The result builder of ``CustomFunction(_:)``.
    @resultBuilder
    public struct Builder {
        /// The function of the parts; traps without `Forward`.
        public static func buildBlock(
            _ components: MLXCustomFunctionComponent...
        ) -> ([MLXArray]) -> [MLXArray] {
            var forward: (([MLXArray]) -> [MLXArray])?
            var vjp: (([MLXArray], [MLXArray]) -> [MLXArray])?
            for component in components {
                switch component {
                case .forward(let f): forward = f
                case .vjp(let f): vjp = f
                }
            }
            guard let forward else { preconditionFailure("a CustomFunction needs a Forward") }
            guard let vjp else { return forward }
            return { Custom(forward: forward, backward: vjp).call($0) }
        }
    }
}

/// A function with a gradient of its own.
public func CustomFunction(
    @MLXCustomFunctionBuilder.Builder _ build: () -> ([MLXArray]) -> [MLXArray]
) -> ([MLXArray]) -> [MLXArray] { build() }

/// A function that keeps only its inputs for the gradient and computes the rest once more.
public func checkpoint(
    _ f: @escaping ([MLXArray]) -> [MLXArray]
) -> ([MLXArray]) -> [MLXArray] {
    let custom = Custom(forward: f) { inputs, cotangents in
        // Not before the gradient is there: else all functions of a chain are computed once more
        // at the beginning, and nothing is saved.
        let late = depends(inputs: inputs, dependencies: cotangents)
        return vjp(f, primals: late, cotangents: cotangents).1
    }
    return { custom.call($0) }
}

/// The results of a function as they are, with another way back to its inputs.
///
/// The call's inputs are those of the function, then its results, which were computed aside.
private struct Custom: Primitive, @unchecked Sendable {
    // Unchecked: the functions are called where the user's code runs, under the transforms' lock.

    let name = "customFunction"
    let forward: ([MLXArray]) -> [MLXArray]
    let backward: ([MLXArray], [MLXArray]) -> [MLXArray]
    var inputCount = 0

    func call(_ inputs: [MLXArray]) -> [MLXArray] {
        var primitive = self
        primitive.inputCount = inputs.count
        let results = forward(inputs.map { stopGradient($0) })
        return MLXArray.applyAll(primitive, inputs + results.map { stopGradient($0) })
    }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        Array(inputs.dropFirst(inputCount))
    }

    func alias(_ inputs: [Tensor]) -> [Tensor]? { Array(inputs.dropFirst(inputCount)) }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    /// The function itself, whose gradient is then the usual one.
    func inlined(_ inputs: [MLXArray]) -> [MLXArray]? { forward(Array(inputs.prefix(inputCount))) }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let given = zip(cotangents, call.outputs).map { $0 ?? zeros(like: $1) }
        let gradients = backward(Array(call.inputs.prefix(inputCount)), given)
        let results = call.inputs.count - inputCount
        return gradients.prefix(inputCount).map { $0 }
            + [MLXArray?](repeating: nil, count: results)
    }

    /// Forward derivatives are those of the function itself.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let inputs = Array(call.inputs.prefix(inputCount))
        let given = zip(tangents, inputs).map { $0 ?? zeros(like: $1) }
        return MLX.jvp(forward, primals: inputs, tangents: given).1
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let axes = [Int?](repeating: 0, count: inputCount)
        let backward = backward
        let batched = Custom(forward: MLX.vmap(forward, inAxes: axes, outAxes: [0])) {
            inputs, cotangents in
            let all = MLX.vmap(
                { backward(Array($0.prefix(inputs.count)), Array($0.dropFirst(inputs.count))) },
                inAxes: [0], outAxes: [0])
            return all(inputs + cotangents)
        }
        let own = (0..<inputCount).map { batch.stretched(inputs[$0], $0) }
        return batched.call(own).map { Batched($0) }
    }
}
