import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import TestSupport
import Testing

@Suite(
    "SmolLM2 against transformers",
    .enabled(if: SmolLM2.isThere, "needs the model: run scripts/fetch-data.sh smollm2"),
    .serialized)
struct SmolLM2Tests {
    private static func values() throws -> [String: MLXArray] {
        var root = URL(filePath: #filePath)
        for _ in 0..<2 { root.deleteLastPathComponent() }
        return try loadArrays(url: root.appending(path: "Fixtures/smollm2.safetensors"))
    }

    @Test("its logits of 20 prompts are those of transformers, packed in 4 bits as they are")
    func logits() throws {
        let values = try Self.values()
        let model = try ModelParts(url: SmolLM2.url).makeModel(mode: .exact)
        let columns = try #require(values["columns"])
        var positions = 0
        for number in 0..<20 {
            let tokens = try #require(values["tokens.\(number)"])
            let all = model(expandedDimensions(tokens, axis: 0), cache: nil)[0]  // [T, V]
            let best = argMax(all, axis: -1).asType(.int32).asArray(Int32.self)
            let expectedBest = try #require(values["best.\(number)"]).asArray(Int32.self)
            let gaps = try #require(values["gap.\(number)"]).asArray(Float.self)
            for (place, gap) in gaps.enumerated() where gap > 1e-3 {
                #expect(best[place] == expectedBest[place], "prompt \(number), position \(place)")
            }
            let range = try #require(values["range.\(number)"])
            let expected = try #require(values["logits.\(number)"])
            let difference = abs(take(all, columns, axis: 1) - expected).max(axis: 1)
            let share = (difference / range).max().item(Float.self)
            #expect(share <= 2e-3, "prompt \(number)")
            positions += gaps.count
        }
        #expect(positions > 150)
    }

    @Test("the 64 tokens behind each prompt are those of transformers")
    func greedy() throws {
        let values = try Self.values()
        let parts = try ModelParts(url: SmolLM2.url)
        let model = try parts.makeModel(mode: .exact)
        // The reference was kept from ending.
        let bias = Dictionary(uniqueKeysWithValues: parts.endTokens.map { ($0, -1e9 as Float) })
        for number in 0..<20 {
            let prompt = try #require(values["tokens.\(number)"]).asArray(Int32.self)
            let expected = try #require(values["greedy.\(number)"]).asArray(Int32.self)
            let found = try TokenIterator(
                prompt: prompt.map(Int.init), model: model,
                parameters: GenerateParameters(logitBias: bias)
            ).prefix(64)
            #expect(found.map(Int32.init) == expected, "prompt \(number)")
        }
    }
}
