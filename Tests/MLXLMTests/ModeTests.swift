import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import TestSupport
import Testing

extension PredictionAgreement {
    /// Adds the positions of a sequence [1, T]; fed in whole, or token by token.
    mutating func add(
        _ tokens: MLXArray, exact: any LanguageModel, fast: any LanguageModel, byTokens: Bool
    ) {
        func logits(_ model: any LanguageModel) -> MLXArray {
            guard byTokens else { return model(tokens, cache: nil)[0] }
            let cache = model.newCache(parameters: nil)
            return concatenated(
                (0..<tokens.dim(1)).map { model(tokens[0..., $0..<$0 + 1], cache: cache)[0] },
                axis: 0)
        }
        add(tokens[0], reference: logits(exact), found: logits(fast))
    }

    /// What is promised, but of a tiny model of bfloat16: there the roundings of few terms do not
    /// make up for each other.
    func expectClose(
        isTinyHalf: Bool = false, _ comment: String,
        at location: SourceLocation = #_sourceLocation
    ) {
        let words: Comment = "\(comment): \(self)"
        #expect(sameToken >= (isTinyHalf ? 0.95 : 0.99), words, sourceLocation: location)
        #expect(meanDivergence <= (isTinyHalf ? 5e-3 : 1e-3), words, sourceLocation: location)
        #expect(abs(perplexityRatio - 1) <= 5e-3, words, sourceLocation: location)
    }
}

@Suite("The fast mode")
struct ModeTests {
    /// A tiny model whose layers are packed, or stored as bfloat16.
    private func model(
        _ name: String, _ mode: ComputationMode, bits: Int?
    ) throws -> any LanguageModel {
        let parts = try ModelParts(url: TinyModel.folder(of: name))
        let model = try parts.makeModel(mode: mode, keepingTypes: true)
        if let bits {
            _ = try pack(model, .init(groupSize: 32, bits: bits))
        } else {
            model.update(parameters: model.mapParameters { $0.asType(.bfloat16) })
        }
        model.setMode(mode)
        return model
    }

    @Test(
        "agrees with the exact one in tokens, likelihoods and perplexity",
        arguments: ["llama3", "qwen2", "qwen3", "gemma3", "phi3", "smollm3"], [4, 8, nil])
    func agreement(name: String, bits: Int?) throws {
        let tokens = try TinyModel(name).tokens
        let (exact, fast) = (
            try model(name, .exact, bits: bits), try model(name, .fast, bits: bits)
        )
        for byTokens in [false, true] {
            var agreement = PredictionAgreement()
            for row in 0..<2 {
                agreement.add(
                    tokens[row..<row + 1], exact: exact, fast: fast, byTokens: byTokens)
            }
            agreement.expectClose(
                isTinyHalf: bits == nil, "\(name) \(bits ?? 16) bits, by tokens: \(byTokens)")
        }
    }

    @Test(
        "decodes by recorded steps what single steps give, in caches that grow and shrink",
        arguments: ["llama3", "qwen3", "gemma3", "phi3", "smollm3"], [4, nil])
    func recordedSteps(name: String, bits: Int?) throws {
        let fast = try model(name, .fast, bits: bits)
        func newCache() -> [any KVCache] {
            fast.newCache(parameters: nil).map { cache in
                if cache is KVCacheSimple { return KVCacheSimple(step: 4, narrows: bits == 4) }
                return cache
            }
        }
        let caches = [newCache(), newCache()]
        var iterator = try TokenIterator(
            prompt: [5, 9, 33, 12, 7], model: fast, cache: caches[0])
        var tokens = [5, 9, 33, 12, 7]
        for round in 0..<16 {
            let logits = fast(MLXArray(tokens, [1, tokens.count]), cache: caches[1])[0, -1]
            let expected = logits - logSumExp(logits, axis: -1, keepDims: true)
            let token = iterator.next()
            tokens = [try #require(token)]
            #expect(tokens == [argMax(logits).item(Int.self)])
            let found = try #require(iterator.logProbabilities)
            #expect(all(found .== expected).item(Bool.self))
            #expect(caches[0].map(\.offset) == caches[1].map(\.offset))
            // The third token after the memory grew goes by a recorded step in any case.
            if round % 4 == 3, caches[0].allSatisfy({ $0 is KVCacheSimple }) {
                #expect(iterator.isRecorded)
            }
            if round == 9, caches[0].allSatisfy(\.isTrimmable) {
                for cache in caches.joined() { cache.trim(6) }
            }
        }
    }

    @Test("a recorded step leaves what a cache's state was as it was")
    func stateOfRecordedSteps() throws {
        let fast = try model("llama3", .fast, bits: 4)
        let cache = (0..<fast.blocks.count).map { _ in KVCacheSimple(step: 4) }
        var iterator = try TokenIterator(prompt: [5, 9], model: fast, cache: cache)
        for _ in 0..<3 { _ = iterator.next() }
        #expect(iterator.isRecorded)
        let state = cache[0].state
        let before = state[0].asArray(Float.self)
        let copy = KVCacheSimple(step: 4)
        copy.state = state
        for _ in 0..<3 { _ = iterator.next() }
        cache[0].trim(6)
        for _ in 0..<3 { _ = iterator.next() }
        #expect(state[0].asArray(Float.self) == before)
        #expect(copy.state[0].asArray(Float.self) == before)
    }

    @Test("keeps keys and values as float16 in the fast mode alone, through a prompt cache's file")
    func narrowCaches() throws {
        for (mode, dtype) in [(ComputationMode.fast, DType.float16), (.exact, .float32)] {
            let model = try model("llama3", mode, bits: nil)
            var iterator = try TokenIterator(
                prompt: [5, 9, 3], model: model, cache: model.newCache(parameters: nil))
            for _ in 0..<3 { _ = iterator.next() }
            #expect(iterator.cache.flatMap(\.state).map(\.dtype).allSatisfy { $0 == dtype })
            let copies = iterator.cache.map { cache in
                let copy = KVCacheSimple()
                copy.state = cache.state
                return copy
            }
            // More than the room that the state has.
            var other = try TokenIterator(prompt: [7], model: model, cache: copies)
            let expected = model(MLXArray([7], [1, 1]), cache: iterator.cache)
            #expect(other.next() == argMax(expected[0, -1]).item(Int.self))
            #expect(copies.flatMap(\.state).map(\.dtype).allSatisfy { $0 == dtype })
        }
    }

    @Test("computes exactly while a model is trained")
    func training() throws {
        let tokens = try TinyModel("llama3").tokens
        let (exact, fast) = (
            try model("llama3", .exact, bits: 4), try model("llama3", .fast, bits: 4)
        )
        fast.train()
        #expect(difference(fast(tokens), numbers(exact(tokens)), .of(.float32).times(10)) == nil)
    }
}
