import Foundation
import Testing

/// What mlx-swift's modules declare is declared here: `Fixtures/mlx-swift-symbols.txt` lists the
/// names, one a line, and `Fixtures/mlx-swift-missing.txt` those that are not here, with the reason.
@Suite("The public symbols of mlx-swift")
struct SymbolTests {
    private static let modules = [
        "MLX", "MLXRandom", "MLXLinalg", "MLXFFT", "MLXFast", "MLXNN", "MLXOptimizers",
    ]

    @Test("are there, but for at most one in a hundred, listed with its reason")
    func all() throws {
        let wanted = try Self.lines("mlx-swift-symbols.txt")
        let reasons = try Self.reasons()
        var found: Set<String> = []
        for module in Self.modules { found.formUnion(try SymbolGraph.names(of: module)) }
        try #require(found.count > 1000)
        let missing = wanted.filter { !found.contains(SymbolGraph.normalized($0)) }
        for name in missing where reasons[name] == nil {
            Issue.record("\(name) is missing, and no reason is listed")
        }
        for name in reasons.keys.sorted() where !missing.contains(name) {
            Issue.record("\(name) is listed as missing, but is there or was never asked for")
        }
        #expect(missing.count * 100 <= wanted.count)
    }

    private static func lines(_ name: String) throws -> [String] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(
            contentsOf: folder.appending(path: "Fixtures/\(name)"), encoding: .utf8)
        return text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    /// The reasons by name: a name, a tab, a reason.
    private static func reasons() throws -> [String: String] {
        let pairs = try lines("mlx-swift-missing.txt").map { line in
            let parts = line.split(separator: "\t", maxSplits: 1).map(String.init)
            try #require(parts.count == 2, "no reason: \(line)")
            return (parts[0], parts[1])
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }
}

/// The public names of a built module, as the toolchain extracts them.
private enum SymbolGraph {
    private struct Contents: Decodable {
        struct Symbol: Decodable { let pathComponents: [String] }
        let symbols: [Symbol]
    }

    static func names(of module: String) throws -> Set<String> {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "symbols-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try extract(module, to: folder)
        var names: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        {
            let graph = try JSONDecoder().decode(Contents.self, from: Data(contentsOf: file))
            for symbol in graph.symbols {
                names.insert(
                    normalized("\(module) \(symbol.pathComponents.joined(separator: "."))"))
            }
        }
        return names
    }

    /// One spelling for what is spelled in several ways: a generic type without its arguments,
    /// `Double` for `Float64`, names without backticks.
    static func normalized(_ name: String) -> String {
        name.replacing("`", with: "").replacing(/<[A-Z][A-Za-z]*>/, with: "")
            .replacing("[MLXArray]", with: "Array")
            .replacing("Float64", with: "Double").replacing("Float32", with: "Float")
    }

    private static func extract(_ module: String, to folder: URL) throws {
        // The build lies beside the tests, its packages two folders up.
        let build = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent()
        let scratch = build.deletingLastPathComponent().deletingLastPathComponent()
        let package = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        var arguments = [
            "swift", "symbolgraph-extract", "-module-name", module, "-target", triple,
            "-minimum-access-level", "public", "-output-dir", folder.path,
            "-I", build.appending(path: "Modules").path,
        ]
        for map in [
            scratch.appending(
                path: "checkouts/swift-numerics/Sources/_NumericsShims/include/module.modulemap"),
            build.appending(path: "CSystem.build/module.modulemap"),
            package.appending(path: "Sources/COpenBLAS/module.modulemap"),
            package.appending(path: "Sources/CZlib/module.modulemap"),
        ] {
            arguments += ["-Xcc", "-fmodule-map-file=\(map.path)"]
        }
        arguments += ["-I", package.appending(path: "Sources/CKernels/include").path]
        let flags = try run(["pkg-config", "--cflags-only-I", "openblas"]).output
        arguments += flags.split(whereSeparator: \.isWhitespace).map(String.init)
        let result = try run(arguments)
        try #require(result.status == 0, "\(module): \(result.output)")
    }

    private static var triple: String {
        #if arch(arm64)
            "aarch64-unknown-linux-gnu"
        #else
            "x86_64-unknown-linux-gnu"
        #endif
    }

    private static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
