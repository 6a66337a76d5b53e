import Foundation
import MLX
import TestSupport
import Testing

/// The calls of one file that `scripts/fixtures_golden.py` has written.
struct GoldenCalls: Decodable {
    let arrays: [String: Packed]
    let calls: [Call]

    struct Call: Decodable, CustomStringConvertible {
        let operation: String
        let inputs: [String]
        let outputs: [Packed]?
        let gradients: [Packed?]?
        /// Why mlx gives no result.
        let refused: String?

        var description: String { "\(operation) of \(inputs.joined(separator: ", "))" }
    }
}

@Suite("Every operation in every type")
struct GoldenTests {
    private static let families = GoldenOperations.families.keys.sorted()

    @Test("gives what mlx gives, however its inputs lie in memory", arguments: families)
    func values(_ family: String) throws {
        try forEachCall(family) { call, function, inputs in
            if GoldenDifferences.results.contains(where: { $0.covers(call) }) { return }
            let expected = try (call.outputs ?? []).map { try $0.array() }
            check(try withError { function(inputs) }, expected, call, "contiguous")
            for arrangement in Arrangement.allCases where inputs.allSatisfy({ $0.size > 0 }) {
                let arranged = inputs.map { arrangement($0) }
                check(try withError { function(arranged) }, expected, call, arrangement.rawValue)
            }
        }
    }

    private func check(
        _ found: [MLXArray], _ expected: [MLXArray], _ call: GoldenCalls.Call, _ kind: String
    ) {
        if found.count != expected.count {
            Issue.record("\(call): \(found.count) results instead of \(expected.count)")
        }
        for (result, wanted) in zip(found, expected) {
            let tolerance = GoldenDifferences.tolerance(call, wanted.dtype)
            if let difference = difference(result, wanted, tolerance) {
                Issue.record("\(call), \(kind): \(difference)")
            }
        }
    }

    @Test("has the gradient that it has in mlx", arguments: families)
    func gradients(_ family: String) throws {
        try forEachCall(family) { call, function, inputs in
            let known = GoldenDifferences.results + GoldenDifferences.gradients
            guard let gradients = call.gradients, !known.contains(where: { $0.covers(call) })
            else { return }
            let found = try pulledBack(
                function, inputs,
                gradients.indices.filter {
                    gradients[$0] != nil
                })
            for (gradient, packed) in zip(found, gradients.compactMap { $0 }) {
                let wanted = try packed.array()
                let tolerance = GoldenDifferences.tolerance(call, wanted.dtype).times(2)
                if let difference = difference(gradient, wanted, tolerance) {
                    Issue.record("the gradient of \(call): \(difference)")
                }
            }
        }
    }

    @Test("has the gradient of steepest ascent, in the complex plane too", arguments: families)
    func complexGradients(_ family: String) throws {
        try forEachCall(family) { call, function, inputs in
            guard call.gradients != nil, Self.isByDifferences(call) else { return }
            let places = inputs.indices.filter { inputs[$0].dtype.isFloatingPoint }
            let found = try pulledBack(function, inputs, places)
            for (place, gradient) in zip(places, found) {
                let slopes = slopes(function, inputs, place)
                if let difference = difference(gradient, slopes, Self.centralTolerance) {
                    Issue.record("the gradient of \(call) by \(place): \(difference)")
                }
            }
        }
    }

    /// Whether differences tell the gradient: of complex inputs, and where mlx's is not the measure.
    private static func isByDifferences(_ call: GoldenCalls.Call) -> Bool {
        // A stopped gradient is none, whatever the values do, nor has a step a slope; that of sign
        // is zero by convention.
        let flat: Set = [
            "stopGradient", "round", "round(decimals: 1)", "round(decimals: -1)", "sign",
        ]
        if flat.contains(call.operation) { return false }
        return call.types.contains("complex64")
            || (call.types.contains("float32")
                && GoldenDifferences.gradients.contains { $0.covers(call) })
    }

    /// What central differences in float32 leave.
    private static let centralTolerance = Tolerance(absolute: 2e-2, relative: 2e-2)

    /// The slopes of Re Σ conj(cotangent) · f by the real and imaginary parts of an input.
    private func slopes(
        _ function: GoldenOperations.Function, _ inputs: [MLXArray], _ place: Int
    ) -> [Double] {
        let isComplex = inputs[place].dtype.isComplex
        let parts = numbers(inputs[place])
        return centralDifferences(at: parts, step: 4e-3) { changed in
            var all = inputs
            let shape = inputs[place].shape
            let steps = isComplex ? 2 : 1
            let real = stride(from: 0, to: changed.count, by: steps).map { changed[$0] }
            all[place] = array(real, shape, inputs[place].dtype)
            if isComplex {
                let imaginary = stride(from: 1, to: changed.count, by: 2).map { changed[$0] }
                all[place] = all[place] + array(imaginary, shape).asImaginary()
            }
            return function(all).reduce(0) { total, output in
                let weights = numbers(cotangent(output))
                return total + zip(weights, numbers(output)).reduce(0) { $0 + $1.0 * $1.1 }
            }
        }
    }

    private func pulledBack(
        _ function: GoldenOperations.Function, _ inputs: [MLXArray], _ places: [Int]
    ) throws -> [MLXArray] {
        try withError {
            let cotangents = function(inputs).map { cotangent($0) }
            return vjp(
                { chosen in
                    var all = inputs
                    for (place, input) in zip(places, chosen) { all[place] = input }
                    return function(all)
                }, primals: places.map { inputs[$0] }, cotangents: cotangents
            ).1
        }
    }

    @Test("sees its bytes as every other type of a fitting size")
    func views() throws {
        for source in DType.allCases {
            let original = random([2, 8], in: 1...60, .float32, seed: 5).asType(source)
            for target in DType.allCases where (8 * source.size) % target.size == 0 {
                let seen = view(original, dtype: target)
                #expect(seen.dtype == target && seen.nbytes == original.nbytes)
                #expect(bits(seen) == bits(original), "\(source) as \(target)")
            }
        }
    }

    @Test("does no harm where mlx refuses", arguments: families)
    func refusals(_ family: String) throws {
        try forEachCall(family, refused: true) { call, function, inputs in
            do {
                try withError { for result in function(inputs) { result.eval() } }
            } catch {
                #expect("\(error)".contains("["), "\(call): \(error)")
            }
        }
    }

    /// Hands out the calls that mlx answers, or those that it refuses; an error is an issue, and the
    /// next call goes on.
    private func forEachCall(
        _ family: String, refused: Bool = false,
        _ body: (GoldenCalls.Call, GoldenOperations.Function, [MLXArray]) throws -> Void
    ) throws {
        let (table, arrays) = try load(family)
        for call in table.calls where (call.refused != nil) == refused {
            let inputs = try call.inputs.map { try #require(arrays[$0]) }
            let function = try #require(GoldenOperations.families[family]?[call.operation])
            do {
                try body(call, function, inputs)
            } catch {
                Issue.record("\(call): \(error)")
            }
        }
    }

    @Test("is in the table, with a call in the fixtures for every row")
    func completeness() throws {
        var covered = Set<Substring>()
        for (family, functions) in GoldenOperations.families {
            let called = Set(try load(family).0.calls.map(\.operation))
            #expect(called.symmetricDifference(functions.keys) == [], "\(family)")
            for name in functions.keys {
                covered.insert(name.prefix { $0 != "(" && $0 != "." })
            }
        }
        let declared = try PublicFunctions.names()
        #expect(declared.count > 180)
        let excepted = Set(GoldenDifferences.withoutRow.keys)
        let missing = declared.filter { !covered.contains(Substring($0)) && !excepted.contains($0) }
        #expect(missing.sorted() == [], "functions with neither a row nor a reason")
        #expect(excepted.subtracting(declared).sorted() == [], "reasons without a function")
    }

    private func load(_ family: String) throws -> (GoldenCalls, [String: MLXArray]) {
        let table = try Fixtures.load("golden_\(family)", as: GoldenCalls.self)
        return (table, try table.arrays.mapValues { try $0.array() })
    }

    /// The cotangent that the script has made for an output.
    private func cotangent(_ output: MLXArray) -> MLXArray {
        let places = 0..<output.size
        let real = array(places.map { Double(($0 * 7) % 11 - 5) / 4 }, output.shape)
        guard output.dtype.isComplex else { return real.asType(output.dtype) }
        let imaginary = array(places.map { Double(($0 * 3) % 5 - 2) / 4 }, output.shape)
        return real + imaginary.asImaginary()
    }
}

/// The public functions of the array module, read from its sources.
private enum PublicFunctions {
    static func names() throws -> Set<String> {
        var root = URL(filePath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        let folder = root.appending(path: "Sources/MLX/Ops")
        var found = Set<String>()
        for file in try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /(?m)^ *public (?:static )?func `?(\w+)/) {
                found.insert(String(match.1))
            }
        }
        return found
    }
}
