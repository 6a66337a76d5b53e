/// A function that traces `f` once for each kind of arguments and from then on makes the graph of a
/// call from the trace, without running `f`.
///
/// A number that `f` computes from something else than its arguments and `inputs` stays what it was
/// at the trace: random numbers too, unless `MLXRandom.globalState` is among `inputs` and `outputs`.
/// What communicates with other processes does so at every call.
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

/// Turns compilation off or on for the whole process; off, compiled functions run their function.
public func compile(enable: Bool = true) {
    CompiledFunction.isEnabled.store(enable, ordering: .relaxed)
}
