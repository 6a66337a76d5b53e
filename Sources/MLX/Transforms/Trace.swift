/// Whether a transform is at work: then evaluating an array does not let go of the graph that leads
/// to it from the transform's inputs.
package enum Trace {
    @TaskLocal static var depth = 0

    static var isActive: Bool { depth > 0 }

    /// Runs the body as a transform does: what is evaluated in it keeps its graph.
    static func keepingGraph<R>(_ body: () throws -> R) rethrows -> R {
        try $depth.withValue(depth + 1) { try body() }
    }

    /// Runs a function on marked stand-ins of its inputs.
    static func run(
        _ function: ([MLXArray]) -> [MLXArray], on inputs: [MLXArray]
    ) -> (inputs: [MLXArray], outputs: [MLXArray]) {
        keepingGraph {
            let tracers = inputs.map { MLXArray.apply(Tracer(), [$0]) }
            // The function may replace what it is handed; the walk back ends at the stand-ins.
            let outputs = function(tracers.map { MLXArray($0.value) })
            return (tracers, outputs)
        }
    }
}

/// An input of a transform: the identity, at which the walk back ends.
struct Tracer: View {
    var isTracer: Bool { true }
    func inlined(_ inputs: [MLXArray]) -> [MLXArray]? { inputs }
    func shape(_ input: [Int]) throws(MLXError) -> [Int] { input }
    func view(_ input: Layout) -> Layout? { input }
    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray { cotangent }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { [Batched(inputs[0])] }
}
