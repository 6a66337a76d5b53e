import Foundation

/// An exporter of one call of a function to a file that ``importFunction(from:)`` reads.
///
/// Call it with example arguments: `try exportFunction(to: url, f)(x, y: y)`. The function runs once,
/// on these, and the graph that it makes is written down, with the arrays that it reads beside its
/// arguments. What it computes in Swift, sizes and the mean's count among them, is written down as
/// it is. It is given the arguments in the order of the call, those with keywords last.
///
/// - Parameters:
///   - url: the file, which is replaced in one step; its extension is `mlxfn` by custom
///   - shapeless: whether the imported function takes arguments of other shapes, of as many axes.
///     Shapes are then found anew at every call; a call whose shapes can't be found is refused. A
///     slice to the end of an axis stays one. Examples serve best whose sizes differ and are not 1
///   - f: the function
public func exportFunction(
    to url: URL, shapeless: Bool = false, _ f: @escaping ([MLXArray]) -> [MLXArray]
) -> FunctionExporterSingle {
    FunctionExporterSingle(url: url, isShapeless: shapeless, function: f)
}

/// Exports several calls of a function to one file, such as calls with different shapes or keywords;
/// `build` makes them on the exporter that it is given.
///
/// Arrays that several of the calls read are written once. See ``exportFunction(to:shapeless:_:)``.
public func exportFunctions(
    to url: URL, shapeless: Bool = false, _ f: @escaping ([MLXArray]) -> [MLXArray],
    build: (FunctionExporterMultiple) throws -> Void
) throws {
    let exporter = FunctionExporterMultiple(isShapeless: shapeless, function: f)
    try build(exporter)
    try FunctionFile.write(exporter.recorder, to: url)
}

/// Writes a function to a file when it is called; see ``exportFunction(to:shapeless:_:)``.
@dynamicCallable
public final class FunctionExporterSingle {
    private let url: URL
    private let isShapeless: Bool
    private let function: ([MLXArray]) -> [MLXArray]

    init(url: URL, isShapeless: Bool, function: @escaping ([MLXArray]) -> [MLXArray]) {
        self.url = url
        self.isShapeless = isShapeless
        self.function = function
    }

    /// Writes the call to the file. Throws ``MLXError`` where the function does and where it can't
    /// be written down, ``LoadSaveError`` where the file can't be.
    public func dynamicallyCall(
        withKeywordArguments args: KeyValuePairs<String, MLXArray>
    ) throws {
        try call(args.map { ($0.key, $0.value) })
    }

    package func call(_ args: [(name: String, array: MLXArray)]) throws {
        var recorder = FunctionRecorder("exportFunction")
        try recorder.record(function, args, isShapeless: isShapeless)
        try FunctionFile.write(recorder, to: url)
    }
}

/// Collects calls of a function; see ``exportFunctions(to:shapeless:_:build:)``.
@dynamicCallable
public final class FunctionExporterMultiple {
    private let isShapeless: Bool
    private let function: ([MLXArray]) -> [MLXArray]
    fileprivate private(set) var recorder = FunctionRecorder("exportFunctions")

    init(isShapeless: Bool, function: @escaping ([MLXArray]) -> [MLXArray]) {
        self.isShapeless = isShapeless
        self.function = function
    }

    /// Adds the call. Throws ``MLXError`` where the function does, where it can't be written down,
    /// and for a second call that an imported function could not tell from one before.
    public func dynamicallyCall(
        withKeywordArguments args: KeyValuePairs<String, MLXArray>
    ) throws {
        let args = args.map { (name: $0.key, array: $0.value) }
        if let match = try recorder.graphs.compactMap({ try CallMatch($0, args) }).first {
            throw MLXError.caught(
                "[exportFunctions] a call like this has been exported before: "
                    + match.graph.signature)
        }
        try recorder.record(function, args, isShapeless: isShapeless)
    }
}

/// The function in a file of ``exportFunction(to:shapeless:_:)``.
///
/// Throws ``LoadSaveError`` for a file that is none, or whose graph does not hold together.
public func importFunction(from url: URL) throws -> ImportedFunction {
    try ImportedFunction(url: url)
}

/// A function that has come out of a file: `try f(x, y: y)` gives its results as a list.
///
/// It has derivatives and runs under the transforms as any function does.
@dynamicCallable
public final class ImportedFunction {
    private let graphs: [FunctionGraph]
    private let constants: [MLXArray]

    /// Reads the function; see ``importFunction(from:)``.
    ///
    /// Every call in the file is checked as if it were made: a file that nobody vouches for can make
    /// a function of much work and memory, but none that leaves its memory. Large constants lie in
    /// the file's pages, so that the file itself must not be written or cut.
    public init(url: URL) throws {
        (graphs, constants) = try read(url, FunctionFile.read)
    }

    /// The results. Arguments have the recorded types and, unless the function is shapeless, shapes;
    /// keywords come in any order. Throws ``MLXError`` where they fit no recorded call.
    public func dynamicallyCall(
        withKeywordArguments args: KeyValuePairs<String, MLXArray>
    ) throws -> [MLXArray] {
        try call(args.map { ($0.key, $0.value) })
    }

    package func call(_ args: [(name: String, array: MLXArray)]) throws -> [MLXArray] {
        guard let match = try graphs.compactMap({ try CallMatch($0, args) }).first else {
            let call = args.map { CallMatch.describe($0.name, $0.array.spec) }
            throw MLXError.caught(
                "[importFunction] no recorded call is like (\(call.joined(separator: ", "))): "
                    + "there are \(graphs.map(\.signature).joined(separator: ", "))")
        }
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        return try match.graph.replay(match.arguments, constants.map(\.value))
    }
}

extension ImportedFunction {
    /// The arguments of each recorded call, and the bytes of its largest value.
    package var calls: [(arguments: [(name: String, spec: Spec)], mostBytes: Int)] {
        graphs.map { graph in
            let specs = graph.arguments + graph.steps.flatMap(\.outputs)
            return (
                zip(graph.names, graph.arguments).map { ($0, $1) },
                specs.map(\.byteCount).max() ?? 0
            )
        }
    }
}

/// A recorded call and the arguments of another call like it, in its order.
private struct CallMatch {
    let graph: FunctionGraph
    let arguments: [MLXArray]

    /// nil where the call is another one; throws for a call that is none.
    init?(_ graph: FunctionGraph, _ args: [(name: String, array: MLXArray)]) throws {
        var (positional, keywords) = ([MLXArray](), [String: MLXArray]())
        for (name, array) in args {
            if name.isEmpty {
                guard keywords.isEmpty else {
                    throw MLXError.caught(
                        "[importFunction] keywords come last: got \(args.map(\.name))")
                }
                positional.append(array)
            } else if keywords.updateValue(array, forKey: name) != nil {
                throw MLXError.caught("[importFunction] the keyword \(name) comes twice")
            }
        }
        var arguments: [MLXArray] = []
        for (name, spec) in zip(graph.names, graph.arguments) {
            let next =
                name.isEmpty
                ? (positional.isEmpty ? nil : positional.removeFirst())
                : keywords.removeValue(forKey: name)
            guard let next, next.dtype == spec.dtype, next.ndim == spec.shape.count,
                graph.isShapeless || next.shape == spec.shape
            else { return nil }
            arguments.append(next)
        }
        guard positional.isEmpty, keywords.isEmpty else { return nil }
        (self.graph, self.arguments) = (graph, arguments)
    }

    static func describe(_ name: String, _ spec: Spec) -> String {
        (name.isEmpty ? "" : "\(name): ") + "\(spec.dtype) \(spec.shape)"
    }
}

extension FunctionGraph {
    /// The arguments of the call in words.
    fileprivate var signature: String {
        let list = zip(names, arguments).map(CallMatch.describe).joined(separator: ", ")
        return "(\(list))" + (isShapeless ? " of any sizes" : "")
    }
}
