import MLX
import MLXLLM
import MLXLMCommon
import TestSupport
import Testing

@Suite("Generation")
struct GenerationTests {
    private let prompt = [5, 9, 33, 12, 7, 60, 21]

    /// The likeliest tokens, each from the logits of the whole sequence.
    private func expected(_ model: any LanguageModel, _ prompt: [Int], _ count: Int) -> [Int] {
        var tokens = prompt
        for _ in 0..<count {
            let logits = model(MLXArray(tokens, [1, tokens.count]), cache: nil)
            tokens.append(argMax(logits[0, -1]).item(Int.self))
        }
        return Array(tokens.dropFirst(prompt.count))
    }

    private func tokens(
        _ model: any LanguageModel, _ parameters: GenerateParameters, _ count: Int = 12
    ) throws -> [Int] {
        Array(
            try TokenIterator(prompt: prompt, model: model, parameters: parameters).prefix(count))
    }

    @Test(
        "without a temperature the likeliest tokens come, whatever the size of the steps",
        arguments: ["llama3", "mistral", "smollm3", "gemma2", "gemma3", "gpt2"], [1, 3, 64])
    func greedy(name: String, step: Int) throws {
        let model = try TinyModel(name).load()
        let parameters = GenerateParameters(prefillStepSize: step)
        #expect(try tokens(model, parameters) == expected(model, prompt, 12))
    }

    @Test("equal seeds draw equal tokens, and others other ones")
    func seeds() throws {
        let model = try TinyModel("llama2").load()
        func drawn(_ seed: UInt64) throws -> [Int] {
            try tokens(model, GenerateParameters(temperature: 2, seed: seed), 24)
        }
        #expect(try drawn(1) == drawn(1))
        #expect(try drawn(1) != drawn(2))
    }

    @Test("several prompts together give what each gives alone", arguments: TinyModel.names)
    func batch(name: String) throws {
        if name == "phi3_long" || name == "llama_dynamic" { return }
        let model = try TinyModel(name).load()
        let prompts = [prompt, [4, 8], [11, 30, 52, 17, 6, 6, 40, 41, 9, 3]]
        let result = try generateBatch(
            prompts: prompts, model: model, maxTokens: [6, 9, 4], endTokens: [],
            parameters: GenerateParameters(prefillStepSize: 4))
        for (index, count) in [6, 9, 4].enumerated() {
            #expect(result.tokens[index] == expected(model, prompts[index], count))
            #expect(result.logProbabilities[index].allSatisfy { $0 <= 0 })
        }
        #expect(result.hasEnded == [false, false, false])
    }

    @Test("a sequence of several ends at an end token")
    func batchEnds() throws {
        let model = try TinyModel("qwen3").load()
        let all = expected(model, prompt, 8)
        let result = try generateBatch(
            prompts: [prompt, [4, 8]], model: model, maxTokens: [8, 8], endTokens: [all[3]])
        let place = try #require(all.firstIndex(of: all[3]))
        #expect(result.tokens[0] == Array(all[..<place]))
        #expect(result.hasEnded[0])
    }

    @Test(
        "a draft model changes no token", arguments: ["llama2", "gemma", "mistral"],
        [0 as Float, 1.5])
    func speculation(draft: String, temperature: Float) throws {
        let model = try TinyModel("llama3").load()
        let other = try TinyModel(draft).load()
        for (helper, proposals) in [(other, 3), (model, 4), (other, 1)] {
            let parameters = GenerateParameters(
                temperature: temperature, repetitionPenalty: 1.3, seed: 11)
            var iterator = try SpeculativeTokenIterator(
                prompt: prompt, model: model, draft: helper, parameters: parameters,
                proposals: proposals)
            let found = (0..<30).compactMap { _ in iterator.next() }
            #expect(try found == tokens(model, parameters, 30))
            if helper === model, temperature == 0 {
                #expect(iterator.accepted > 0)
            }
        }
    }

    @Test("tokens end where the model's context does")
    func context() throws {
        let model = try TinyModel("gpt2").load()  // 32 positions
        #expect(try tokens(model, GenerateParameters(), 100).count == 32 - prompt.count + 1)
        #expect(throws: LanguageModelError.promptTooLong(tokens: 40, context: 32)) {
            _ = try TokenIterator(prompt: Array(repeating: 3, count: 40), model: model)
        }
        #expect(throws: LanguageModelError.emptyPrompt) {
            _ = try TokenIterator(prompt: [], model: model)
        }
    }

    @Test("a bounded cache goes on for ever")
    func bounded() throws {
        let model = try TinyModel("llama2").load()
        let parameters = GenerateParameters(maxKVSize: 10)
        #expect(try tokens(model, parameters, 100).count == 100)
        // While nothing is dropped, it is the same text.
        #expect(try Array(tokens(model, parameters, 3)) == expected(model, prompt, 3))
    }

    @Test("penalties and biases change the logits as they say")
    func penalties() {
        var processor = PenaltyProcessor(
            GenerateParameters(
                repetitionPenalty: 2, repetitionContextSize: 3, presencePenalty: 0.5,
                presenceContextSize: 4, frequencyPenalty: 0.25, frequencyContextSize: 4,
                logitBias: [6: 3]))
        processor.prompt([0, 1, 1])
        processor.didSample(token: 2)
        let logits = MLXArray([1, 4, -4, 1, 1, 1, 1] as [Float], [1, 7])
        let found = processor.process(logits: logits).asArray(Float.self)
        // 0 is behind the repetition's window, in those of the others; 1 was there twice.
        let expected: [Float] = [0.25, 1, -8.75, 1, 1, 1, 4]
        #expect(found == expected)
    }

    @Test("filters leave the tokens that they should")
    func filters() {
        let shares: [Float] = [0.4, 0.3, 0.15, 0.1, 0.05]
        let values = log(MLXArray(shares, [1, 5]))
        func left(_ values: MLXArray) -> [Int] {
            values.asArray(Float.self).enumerated().filter { $0.element.isFinite }.map(\.offset)
        }
        #expect(left(TokenFilter.nucleus(values, 0.6)) == [0, 1])
        #expect(left(TokenFilter.nucleus(values, 0.75)) == [0, 1, 2])
        #expect(left(TokenFilter.relative(values, 0.3, fewest: 1)) == [0, 1, 2])
        #expect(left(TokenFilter.relative(values, 0.9, fewest: 2)) == [0, 1])
        #expect(left(TokenFilter.likeliest(values, 3)) == [0, 1, 2])
        let always = ExcludeTopChoices(probability: 1, threshold: 0.12, keptTokens: [1])
        #expect(left(always(values)) == [1, 2, 3, 4])
    }

    @Test("a token is drawn as often as its probability says")
    func frequencies() {
        let shares: [Float] = [0.5, 0.3, 0.2]
        let logits = broadcast(log(MLXArray(shares, [1, 3])), to: [20_000, 3])
        let sampler = FilteredSampler(GenerateParameters(temperature: 0.5, seed: 4))
        let tokens = sampler.sample(logits: logits).asType(.int32).asArray(Int32.self)
        // At half the temperature probabilities are squared.
        for (token, share) in [0.6579, 0.2368, 0.1053].enumerated() {
            let found = Double(tokens.count { $0 == token }) / 20_000
            #expect(abs(found - share) < 0.015)
        }
    }

    @Test("stop texts end the text before them, also where they come in pieces")
    func stops() {
        var matcher = StopMatcher(["END", "##"])
        #expect(matcher.append("ab#c") == "ab#c")
        #expect(matcher.append("dE") == "d")
        #expect(matcher.append("N") == "")
        #expect(matcher.append("Q E") == "ENQ ")
        #expect(matcher.append("ND of it") == "")
        #expect(matcher.hasStopped)
        #expect(matcher.finish() == "")
        var open = StopMatcher(["END"])
        #expect(open.append("fin EN") == "fin ")
        #expect(open.finish() == "EN")
    }
}
