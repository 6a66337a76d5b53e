// The forms of `compile` for functions of one to eight arrays with one to four results: each hands
// an array of arrays on. Parameter packs would say it once, but a call of their result in one go,
// `compile(f)(x)`, does not type-check.

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray) -> MLXArray
) -> @Sendable (MLXArray) -> MLXArray {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0])]
    }
    return { compiled([$0])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray) -> (MLXArray, MLXArray)
) -> @Sendable (MLXArray) -> (MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray) -> (MLXArray, MLXArray, MLXArray)
) -> @Sendable (MLXArray) -> (MLXArray, MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray) -> (MLXArray, MLXArray, MLXArray, MLXArray)
) -> @Sendable (MLXArray) -> (MLXArray, MLXArray, MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0])
        return (results[0], results[1], results[2], results[3])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray) -> MLXArray
) -> @Sendable (MLXArray, MLXArray) -> MLXArray {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0], a[1])]
    }
    return { compiled([$0, $1])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray) -> (MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray) -> (MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0, $1])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0, $1])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0, $1])
        return (results[0], results[1], results[2], results[3])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray) -> MLXArray
) -> @Sendable (MLXArray, MLXArray, MLXArray) -> MLXArray {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0], a[1], a[2])]
    }
    return { compiled([$0, $1, $2])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0, $1, $2])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0, $1, $2])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0, $1, $2])
        return (results[0], results[1], results[2], results[3])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0], a[1], a[2], a[3])]
    }
    return { compiled([$0, $1, $2, $3])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0, $1, $2, $3])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0, $1, $2, $3])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray, MLXArray, MLXArray
        )
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray, MLXArray)
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0, $1, $2, $3])
        return (results[0], results[1], results[2], results[3])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0], a[1], a[2], a[3], a[4])]
    }
    return { compiled([$0, $1, $2, $3, $4])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray)
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray) {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray, MLXArray
        )
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray, MLXArray)
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray, MLXArray, MLXArray
        )
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
        MLXArray, MLXArray, MLXArray, MLXArray
    )
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4])
        return (results[0], results[1], results[2], results[3])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f: @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0], a[1], a[2], a[3], a[4], a[5])]
    }
    return { compiled([$0, $1, $2, $3, $4, $5])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray
        )
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (MLXArray, MLXArray)
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray, MLXArray
        )
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
        MLXArray, MLXArray, MLXArray
    )
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray, MLXArray, MLXArray
        )
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
        MLXArray, MLXArray, MLXArray, MLXArray
    )
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5])
        return (results[0], results[1], results[2], results[3])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray
) -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> MLXArray {
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0], a[1], a[2], a[3], a[4], a[5], a[6])]
    }
    return { compiled([$0, $1, $2, $3, $4, $5, $6])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray
        )
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
        MLXArray, MLXArray
    )
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5, $6])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray, MLXArray
        )
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
        MLXArray, MLXArray, MLXArray
    )
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5, $6])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
            MLXArray, MLXArray, MLXArray, MLXArray
        )
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) -> (
        MLXArray, MLXArray, MLXArray, MLXArray
    )
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5, $6])
        return (results[0], results[1], results[2], results[3])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray)
        -> MLXArray
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) ->
    MLXArray
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        [f(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])]
    }
    return { compiled([$0, $1, $2, $3, $4, $5, $6, $7])[0] }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray)
        -> (MLXArray, MLXArray)
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) ->
    (MLXArray, MLXArray)
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
        return [results.0, results.1]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5, $6, $7])
        return (results[0], results[1])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray)
        -> (MLXArray, MLXArray, MLXArray)
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) ->
    (MLXArray, MLXArray, MLXArray)
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
        return [results.0, results.1, results.2]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5, $6, $7])
        return (results[0], results[1], results[2])
    }
}

/// See ``compile(inputs:outputs:shapeless:_:)``.
public func compile(
    inputs: [any Updatable] = [], outputs: [any Updatable] = [], shapeless: Bool = false,
    _ f:
        @escaping (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray)
        -> (MLXArray, MLXArray, MLXArray, MLXArray)
)
    -> @Sendable (MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray, MLXArray) ->
    (MLXArray, MLXArray, MLXArray, MLXArray)
{
    let compiled = compile(inputs: inputs, outputs: outputs) { (a: [MLXArray]) in
        let results = f(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
        return [results.0, results.1, results.2, results.3]
    }
    return {
        let results = compiled([$0, $1, $2, $3, $4, $5, $6, $7])
        return (results[0], results[1], results[2], results[3])
    }
}
