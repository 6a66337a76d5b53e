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

    @Test("its fast mode agrees with the exact one, by whole texts and token by token")
    func modes() throws {
        let values = try Self.values()
        let parts = try ModelParts(url: SmolLM2.url)
        let exact = try parts.makeModel(mode: .exact)
        let fast = try parts.makeModel(mode: .fast)
        func text(_ number: Int) throws -> MLXArray {
            let tokens = [
                try #require(values["tokens.\(number)"]), try #require(values["greedy.\(number)"]),
            ]
            return expandedDimensions(concatenated(tokens, axis: 0), axis: 0)
        }
        var whole = PredictionAgreement()
        for number in 0..<20 {
            whole.add(try text(number), exact: exact, fast: fast, byTokens: false)
        }
        whole.expectClose("whole")
        var stepwise = PredictionAgreement()
        for number in stride(from: 0, to: 20, by: 4) {
            stepwise.add(try text(number), exact: exact, fast: fast, byTokens: true)
        }
        stepwise.expectClose("token by token")
    }

    @Test("its fast mode agrees with the exact one on a manual, and by mlx-lm evaluate")
    func manual() throws {
        var text = URL(filePath: #filePath)
        for _ in 0..<3 { text.deleteLastPathComponent() }
        text.append(path: "CONTRIBUTING.md")
        let parts = try ModelParts(url: SmolLM2.url)
        let sequences = try EvaluationData.sequences(text, parts.makeTokenizer(), length: 300)
        let result = try agreement(
            of: Array(sequences.prefix(2)), model: parts.makeModel(mode: .fast),
            reference: parts.makeModel(mode: .exact))
        #expect(result.positionCount == 600)
        result.expectClose("manual")
        let command = try LanguageModelCommand(
            [
                "evaluate", "--model", SmolLM2.url.path, "--data-path", text.path,
                "--sequence-length", "100", "--num-samples", "1", "--compare-exact",
            ], in: FileManager.default.temporaryDirectory)
        #expect(command.status == 0, "\(command.errors)")
        #expect(command.output.contains("fast mode"), "\(command.output)")
        #expect(command.output.contains("likeliest at 9") || command.output.contains("at 100.00 %"))
    }
}
