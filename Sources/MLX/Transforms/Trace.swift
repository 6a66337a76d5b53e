/// Whether a transform is at work: then evaluating an array does not let go of the graph that leads
/// to it from the transform's inputs.
package enum Trace {
    static var isActive: Bool { Depth.ofThread.transforms > 0 }

    /// Whether what is called is written down for other calls, or for a file: then the graph has to
    /// tell how each value came about, also one that is there.
    static var isRecording: Bool { Depth.ofThread.recordings > 0 }

    /// Runs the body as a transform does: what is evaluated in it keeps its graph.
    static func keepingGraph<R>(
        isRecording: Bool = false, _ body: () throws -> R
    ) rethrows -> R {
        let around = Depth.ofThread
        defer { Depth.ofThread = around }
        Depth.ofThread.transforms += 1
        if isRecording { Depth.ofThread.recordings += 1 }
        return try body()
    }

    /// Runs a function whose graph is written down for other calls; gives the calls with an effect
    /// that it makes, too.
    static func keepingEffects<R>(_ body: () -> R) -> (result: R, effects: [Node]) {
        let effects = Effects()
        let result = keepingGraph(isRecording: true) {
            Depth.ofThread.effects = Unmanaged.passUnretained(effects).toOpaque()
            return body()
        }
        return withExtendedLifetime(effects) { (result, effects.nodes) }
    }

    /// Notes a call with an effect in the function that is written down.
    static func keep(effect node: Node) {
        guard let effects = Depth.ofThread.effects else { return }
        Unmanaged<Effects>.fromOpaque(effects).takeUnretainedValue().nodes.append(node)
    }

    /// The calls with an effect of a function that is written down.
    private final class Effects {
        var nodes: [Node] = []
    }

    /// Runs a function on marked stand-ins of its inputs.
    static func run(
        _ function: ([MLXArray]) -> [MLXArray], on inputs: [MLXArray], isRecording: Bool = false
    ) -> (inputs: [Node], outputs: [MLXArray]) {
        keepingGraph(isRecording: isRecording) {
            let tracers = inputs.map { input in
                Node(
                    Tracer(), inputs: .one(input.value), specs: .one(input.spec), kernel: nil)
            }
            // The function may replace what it is handed; the walk back ends at the stand-ins.
            return (tracers, function(tracers.map { MLXArray($0) }))
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
