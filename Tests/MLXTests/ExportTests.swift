import Foundation
import MLX
import MLXRandom
import TestSupport
import Testing

/// The function as it comes back from a file.
private func sent(
    _ function: @escaping ([MLXArray]) -> [MLXArray], _ arguments: [MLXArray],
    isShapeless: Bool = false
) throws -> ImportedFunction {
    let folder = try ScratchFolder()
    let url = folder.url.appending(path: "f.mlxfn")
    try exportFunction(to: url, shapeless: isShapeless, function).call(arguments.map { ("", $0) })
    return try importFunction(from: url)
}

extension ImportedFunction {
    fileprivate func on(_ arguments: [MLXArray]) throws -> [MLXArray] {
        try call(arguments.map { ("", $0) })
    }
}

/// Why something throws; nil where it does not.
private func reason(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}

@Suite("Every primitive in a file")
struct PortablePrimitiveTests {
    @Test("can be read, by its type's name")
    func completeness() throws {
        let declared = try PrimitiveSources.types()
        let readable = Set(PortablePrimitives.byName.keys)
        #expect(declared.subtracting(readable) == [], "primitives that no file can hold")
        #expect(readable.subtracting(declared) == [])
    }

    @Test("gives the same bits after export and import", arguments: PrimitiveCase.rows)
    func values(_ row: PrimitiveCase) throws {
        for dtype in [DType.float32, .float64, .bfloat16] {
            let inputs = row.arrays(dtype)
            let imported = try sent({ [row.function($0)] }, inputs)
            let result = try #require(try imported.on(inputs).first)
            #expect(bitDifference(result, row.function(inputs)) == nil, "\(dtype)")
        }
        let large = row.arrays(.float32, row.large)
        _ = try sent({ [row.function($0)] }, large)
    }

    @Test("has the same gradients after import", arguments: PrimitiveCase.rows)
    func gradients(_ row: PrimitiveCase) throws {
        let inputs = row.arrays(.float32)
        let result = row.function(inputs)
        guard !row.differentiable.isEmpty, result.dtype.isFloatingPoint, row.primitive != "Eig"
        else { return }
        let imported = try sent({ [row.function($0)] }, inputs)
        let cotangent = ones(like: result)
        func slopes(_ f: @escaping ([MLXArray]) -> [MLXArray]) -> [MLXArray] {
            vjp(f, primals: inputs, cotangents: [cotangent]).1
        }
        let expected = slopes { [row.function($0)] }
        let found = slopes { (try? imported.on($0)) ?? [] }
        for index in row.differentiable {
            let difference = difference(found[index], expected[index])
            #expect(difference == nil)
        }
    }
}

@Suite("Exported functions")
struct ExportTests {
    private let x = random([3, 4], seed: 1)
    private let y = random([3, 4], seed: 2)

    @Test("are called with positions and keywords in any order")
    func keywords() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "f.mlxfn")
        func f(_ arrays: [MLXArray]) -> [MLXArray] {
            [arrays[0] - 2 * arrays[1] + arrays[2].asType(.float32), arrays[1]]
        }
        let z = MLXArray([1, 2, 3, 4])
        try exportFunction(to: url, f)(x, y: y, z: z)
        let imported = try importFunction(from: url)
        let expected = f([x, y, z])
        for results in [try imported(x, y: y, z: z), try imported(x, z: z, y: y)] {
            #expect(results.count == 2)
            #expect(bitDifference(results[0], expected[0]) == nil)
            #expect(bitDifference(results[1], expected[1]) == nil)
        }
        let told = try #require(reason { _ = try imported(x, y, z: z) })
        #expect(told.contains("(float32 [3, 4], float32 [3, 4], z: int32 [4])"), "\(told)")
        #expect(told.contains("(float32 [3, 4], y: float32 [3, 4], z: int32 [4])"), "\(told)")
        #expect(reason { _ = try imported(x, y: y[0], z: z) }?.contains("float32 [4]") == true)
        #expect(reason { _ = try imported(x, y: y.asType(.float16), z: z) } != nil)
        #expect(reason { _ = try imported(y: y, z: z) } != nil)
        #expect(reason { _ = try imported(x, y: y, y: y) }?.contains("y comes twice") == true)
        #expect(reason { _ = try imported(y: y, x) }?.contains("keywords come last") == true)
        #expect(
            reason { try exportFunction(to: url, f)(y: y, x) }?.contains("come last") == true)
    }

    @Test("keep the arrays and keys that they read, each once")
    func constants() throws {
        let weight = random([400, 300], seed: 3)
        let key = MLXRandom.key(7)
        func f(_ arrays: [MLXArray]) -> [MLXArray] {
            let noise = MLXRandom.normal([300], key: key)
            return [matmul(arrays[0], weight) + noise, matmul(arrays[0] * 2, weight), key]
        }
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "f.mlxfn")
        try exportFunctions(to: url, f) { export in
            try export(ones([2, 400]))
            try export(ones([5, 400]))
            let told = reason { try export(zeros([5, 400])) }
            #expect(told?.contains("exported before: (float32 [5, 400])") == true)
        }
        let size = try Data(contentsOf: url).count
        #expect(size > weight.nbytes && size < weight.nbytes + 50_000)
        let imported = try importFunction(from: url)
        for count in [2, 5] {
            let input = random([count, 400], seed: 4)
            for (result, expected) in zip(try imported(input), f([input])) {
                #expect(bitDifference(result, expected) == nil)
            }
        }
        #expect(reason { _ = try imported(ones([3, 400])) } != nil)
    }

    @Test("store what is one element many times as one")
    func stretchedConstants() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "f.mlxfn")
        let f = { (arrays: [MLXArray]) in [arrays[0] * 2 + zeros([1000, 1000])] }
        try exportFunction(to: url, f)(ones([1000, 1000]))
        #expect(try Data(contentsOf: url).count < 4000)
    }

    @Test("come back from transforms, custom functions and compiled ones")
    func transforms() throws {
        let custom = CustomFunction {
            Forward { [exp($0[0]) * $0[1]] }
            VJP { inputs, cotangents in inputs.map { _ in cotangents[0] } }
        }
        let functions: [([MLXArray]) -> [MLXArray]] = [
            { custom($0) }, { checkpoint { [sin($0[0]) * $0[1]] }($0) },
            { compile { [sin($0[0]) * $0[1]] }($0) },
            { vmap({ [softmax($0[0]) * $0[1]] })($0) },
            { grad({ [($0[0] * $0[0] * $0[1]).sum()] })($0) },
            { jvp({ [$0[0] * $0[1]] }, primals: $0, tangents: $0).1 },
            { arrays in
                arrays[0].eval()
                let sum = arrays[0] + 1
                sum.eval()
                return [sum * arrays[1]]
            },
            { [$0[1], $0[0], $0[1]] }, { _ in [MLXArray(7)] },
        ]
        for (number, function) in functions.enumerated() {
            let imported = try sent(function, [x, y])
            let (results, expected) = (try imported.on([x, y]), function([x, y]))
            #expect(results.count == expected.count, "\(number)")
            for (result, expected) in zip(results, expected) {
                #expect(bitDifference(result, expected) == nil, "\(number)")
            }
        }
    }

    @Test("can be derived, repeated over an axis and exported again")
    func transformed() throws {
        func f(_ arrays: [MLXArray]) -> [MLXArray] {
            [softmax(arrays[0] * arrays[1] + 1, axis: -1)]
        }
        let imported = try sent(f, [x, y])
        func g(_ arrays: [MLXArray]) -> [MLXArray] { (try? imported.on(arrays)) ?? [] }
        let batch = [stacked([x, y, x]), stacked([y, y, x])]
        let (found, expected) = (vmap(g)(batch)[0], vmap(f)(batch)[0])
        #expect(difference(found, expected) == nil)
        let tangents = jvp(g, primals: [x, y], tangents: [y, x]).1[0]
        #expect(difference(tangents, jvp(f, primals: [x, y], tangents: [y, x]).1[0]) == nil)
        let again = try sent(g, [x, y])
        #expect(bitDifference(try again.on([x, y])[0], f([x, y])[0]) == nil)
        let compiled = compile(g)
        #expect(bitDifference(compiled([x, y])[0], f([x, y])[0]) == nil)
    }

    @Test("that are refused in the making write nothing")
    func failures() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "f.mlxfn")
        let told = reason {
            try exportFunction(to: url) { [matmul($0[0], $0[1])] }(x, y)
        }
        #expect(told?.contains("[matmul]") == true)
        #expect(try folder.names.isEmpty)
        let missing = folder.url.appending(path: "no/f.mlxfn")
        #expect(throws: LoadSaveError.self) { try exportFunction(to: missing) { $0 }(x) }
        #expect(throws: LoadSaveError.unableToOpen(url, "No such file or directory")) {
            try importFunction(from: url)
        }
    }
}

@Suite("Functions exported without shapes")
struct ShapelessExportTests {
    private func check(
        _ shapes: [Int], _ other: [Int], _ f: @escaping ([MLXArray]) -> [MLXArray],
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let imported = try sent(f, [random(shapes, seed: 1)], isShapeless: true)
        for shape in [shapes, other] {
            let input = random(shape, seed: 2)
            let (result, expected) = (try imported.on([input])[0], f([input])[0])
            #expect(bitDifference(result, expected) == nil, sourceLocation: location)
        }
    }

    @Test("find the shapes anew")
    func shapes() throws {
        let weight = random([4, 6], seed: 3)
        let bias = random([6], seed: 4)
        try check([2, 3, 4], [5, 7, 4]) { [$0[0] * 2 + 1] }
        try check([2, 3, 4], [5, 7, 4]) { [matmul($0[0], weight) + bias] }
        try check([3, 4], [8, 4]) { [softmax(matmul($0[0], weight) + bias, axis: -1)] }
        try check([3, 4], [8, 9]) { [which($0[0] .> 0, $0[0], exp($0[0]) - 1)] }
        try check([3, 4], [8, 9]) { [$0[0].T, $0[0]] }
        try check([3, 4], [8, 9]) { [flattened($0[0])] }
        try check([3, 4], [8, 9]) { [$0[0].sum(axis: 0, keepDims: true) * $0[0]] }
        try check([3, 4], [8, 9]) { [$0[0] - $0[0].max(axis: -1, keepDims: true)] }
        try check([3, 4], [8, 9]) { [expandedDimensions($0[0], axis: 1) + 1] }
        try check([3, 4], [8, 9]) { [$0[0][1..., 0...]] }
        try check([3, 4], [8, 9]) { [concatenated([$0[0], $0[0]], axis: 1)] }
        try check([2, 3, 4], [5, 6, 4]) { [layerNormed($0[0])] }
    }

    private func layerNormed(_ x: MLXArray) -> MLXArray {
        MLXFast.layerNorm(x, weight: nil, bias: nil, eps: 1e-5)
    }

    @Test("refuse what can't be found, other types and other numbers of axes")
    func refusals() throws {
        let fixed = try sent({ [reshaped($0[0], [2, 6])] }, [ones([3, 4])], isShapeless: true)
        #expect(reason { _ = try fixed.on([ones([3, 5])]) }?.contains("[reshape]") == true)
        let bias = random([3, 4], seed: 5)
        let tied = try sent({ [$0[0] + bias] }, [ones([3, 4])], isShapeless: true)
        #expect(reason { _ = try tied.on([ones([5, 4])]) }?.contains("[add]") == true)
        let told = reason { _ = try tied.on([ones([3])]) }
        #expect(told?.contains("(float32 [3, 4]) of any sizes") == true)
        #expect(reason { _ = try tied.on([ones([3, 4], dtype: .int32)]) } != nil)
    }
}
