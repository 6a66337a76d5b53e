import Foundation

/// The format of `.mlxfn` files: functions as the graphs of their recorded calls.
///
/// A file is, little-endian:
///
/// | bytes | what |
/// |---|---|
/// | 8 | `mlxfunc` and a line end |
/// | 4 | the version, 1 |
/// | 4 | zero |
/// | 8 | the length n of the graphs |
/// | n | the graphs in JSON (RFC 8259), filled up with blanks to a multiple of 8 |
/// | rest | the constants, a safetensors file whose names are their numbers |
///
/// The JSON is a list of ``FunctionGraph``s. One has `shapeless`, the `names` of the arguments (empty
/// without a keyword), their specs (`arguments`: `shape` and `dtype`, a number in MLX's order), the
/// numbers of its `constants`, its `steps` and `results`. A step is the name of a `primitive`'s type,
/// its `parameters` by the names of its stored properties, its `inputs` and the specs of its
/// `outputs`. Inputs and results are numbers of values: arguments, constants, outputs of steps. The
/// file is MLX for Linux's own; other implementations of MLX have another format.
enum FunctionFile {
    private static let magic = Array("mlxfunc\n".utf8)
    private static let version: UInt32 = 1
    private static let headerSize = 24

    static func write(_ recorder: FunctionRecorder, to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        var graphs = Array(try encoder.encode(recorder.graphs))
        graphs += [UInt8](repeating: 0x20, count: -graphs.count & 7)
        var header = magic
        func append(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.littleEndian) { header.append(contentsOf: $0) }
        }
        append(version)
        append(UInt32(0))
        append(UInt64(graphs.count))
        let constants = Dictionary(
            uniqueKeysWithValues: recorder.constants.enumerated().map { ("\($0)", $1) })
        try AtomicFile.write(to: url) { sink in
            try (header + graphs).withUnsafeBytes(sink)
            try Safetensors.write(constants, metadata: [:], url: url, to: sink)
        }
    }

    /// Reads graphs and constants; each graph has been checked against them.
    static func read(
        _ source: ArraySource
    ) throws(Malformed) -> (graphs: [FunctionGraph], constants: [MLXArray]) {
        let bytes = source.bytes
        guard bytes.count >= headerSize, bytes.starts(with: magic) else {
            throw Malformed("it does not begin as mlxfn files do")
        }
        let version = UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard version == Self.version else { throw Malformed("unknown version \(version)") }
        let length = UInt64(
            littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        guard length <= UInt64(bytes.count - headerSize) else {
            throw Malformed("the graphs' length, \(length), is beyond the end")
        }
        let end = headerSize + Int(length)
        let graphs = try decode(Data(bytes[headerSize..<end]))
        let constants = try constants(source.part(end..<bytes.count))
        for (number, graph) in graphs.enumerated() {
            do {
                try graph.check(constants.map(\.spec))
            } catch {
                throw Malformed("function \(number): \(error.reason)")
            }
        }
        return (graphs, constants)
    }

    private static func constants(_ source: ArraySource) throws(Malformed) -> [MLXArray] {
        let arrays: [String: MLXArray]
        do {
            arrays = try Safetensors.read(source).0
        } catch {
            throw Malformed("constants: \(error.reason)")
        }
        var constants: [MLXArray] = []
        for number in 0..<arrays.count {
            guard let array = arrays["\(number)"] else {
                throw Malformed("constants: number \(number) of \(arrays.count) is missing")
            }
            constants.append(array)
        }
        return constants
    }

    private static func decode(_ json: Data) throws(Malformed) -> [FunctionGraph] {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try decoder.decode([FunctionGraph].self, from: json)
        } catch {
            throw Malformed("the graphs: \(reason(error))")
        }
    }

    /// What a decoder did not like, and where.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let context: DecodingError.Context
        switch error {
        case .dataCorrupted(let found), .keyNotFound(_, let found),
            .typeMismatch(_, let found), .valueNotFound(_, let found):
            context = found
        @unknown default: return "\(error)"
        }
        let place = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }
        return "\(place.joined()): \(context.debugDescription)"
    }
}
