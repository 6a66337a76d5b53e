import Foundation
import MLX
import MLXTrain
import Testing

/// A small language model of a made-up text, in a folder of its own.
private final class TextJob: Sendable {
    let folder: String
    private let removal: TemporaryFolder

    init(text: String? = nil) throws {
        removal = try TemporaryFolder()
        folder = removal.path
        var random = SplitMix64(seed: 5, stream: 0)
        let words = ["the ", "cat ", "sat ", "on ", "a ", "mat.\n"]
        let made = (0..<600).map { _ in words[Int(random.next() % 6)] }.joined()
        try Files.write((text ?? made).utf8, to: "\(folder)/text.txt")
    }

    func config(_ overrides: String...) throws -> TrainConfig {
        let json = """
            {
              "name": "words", "seed": 3,
              "model": {"type": "gpt", "layers": 2, "heads": 2, "width": 16, "context": 16},
              "data": {"format": "text", "path": "text.txt", "test_fraction": 0.1},
              "optimizer": {"type": "adamw", "learning_rate": 0.01, "clip_norm": 1.0},
              "training": {"steps": 24, "global_batch_size": 8, "micro_batch_size": 2},
              "checkpoint": {"every_steps": 6}, "metrics": {"every_steps": 1}
            }
            """
        return try TrainConfig(json: json, baseDirectory: folder, overrides: overrides)
    }

    @discardableResult
    func train(
        _ config: TrainConfig, ranks: Int = 1, sharesMemory: Bool = false, output: String,
        stopAfter: Int? = nil
    ) throws -> String {
        try config.train(
            ranks: ranks, sharesMemory: sharesMemory, output: "\(folder)/\(output)",
            stopAfter: stopAfter)
    }

    func metrics(_ event: String, of output: String) throws -> [JSONNode] {
        try Files.read("\(folder)/\(output)/metrics.jsonl").split(separator: UInt8(ascii: "\n"))
            .map { try JSONParser.parse(Array($0), source: "metrics.jsonl") }
            .filter { $0["event"]?.stringValue == event }
    }

    func losses(of output: String) throws -> [Double] {
        try metrics("train", of: output).compactMap { Double($0["loss"]?.compact ?? "") }
    }

    func weights(of output: String) throws -> [UInt8] {
        try Files.read("\(folder)/\(output)/model/model.safetensors")
    }
}

@Suite struct LanguageModelTests {
    @Test func `samples lie side by side, and each token but the first is foretold once`() throws {
        let data = TokenDataset(tokens: Array(0..<23), context: 5)
        #expect(data.count == 4)
        let batch = try data.gather([2, 0])
        #expect(batch.inputs == [10, 11, 12, 13, 14, 0, 1, 2, 3, 4])
        #expect(batch.targets == [11, 12, 13, 14, 15, 1, 2, 3, 4, 5])
        let targets = try data.gather(Array(0..<4)).targets
        #expect(targets == Array(1...20))
    }

    @Test func `the end of the text is held out, and shares no target with the rest`() throws {
        let (train, test) = TokenDataset(tokens: Array(0..<43), context: 4)
            .split(testFraction: 0.25)
        #expect(train.count == 7 && test.count == 3)
        #expect(try train.gather(Array(0..<7)).targets.max() == 28)
        #expect(try test.gather([0]).targets == [29, 30, 31, 32])
        let whole = TokenDataset(tokens: Array(0..<43), context: 4).split(testFraction: 0)
        #expect(whole.train.count == 10 && whole.test.count == 0)
    }

    @Test(arguments: ["gpt", "llama"])
    func `the loss of a text falls, and its metrics count tokens`(type: String) throws {
        let job = try TextJob()
        let shown = try job.train(try job.config("model.type=\(type)"), output: "run")
        let losses = try job.losses(of: "run")
        #expect(losses.count == 24)
        // A fresh model knows nothing: every token of the vocabulary is as likely.
        let vocabulary = Double(Set("the cat sat on a mat.\n".unicodeScalars).count)
        #expect(abs(losses[0] - log(vocabulary)) < 0.1)
        #expect(losses[23] < 0.8 * losses[0])
        let line = try #require(try job.metrics("train", of: "run").last)
        #expect(line["tokens_per_second"] != nil)
        let end = try #require(try job.metrics("end", of: "run").last)
        let (loss, perplexity) = (end["loss"]?.compact, end["perplexity"]?.compact)
        #expect(abs(exp(Double(loss ?? "") ?? 0) - (Double(perplexity ?? "") ?? 0)) < 1e-9)
        #expect(end["accuracy"] == nil)
        #expect(shown.contains("tokens/s") && shown.contains("done: test perplexity"))
    }

    @Test func `the losses do not depend on the number of ranks`() throws {
        let job = try TextJob()
        try job.train(try job.config(), output: "one")
        let expected = try job.losses(of: "one")
        for ranks in [2, 3] {
            try job.train(try job.config(), ranks: ranks, output: "\(ranks)")
            for (loss, wanted) in zip(try job.losses(of: "\(ranks)"), expected) {
                #expect(abs(loss - wanted) <= 1e-5 * abs(wanted))
            }
        }
    }

    @Test(arguments: ["float32", "bfloat16"])
    func `a run that was stopped and goes on gives the bits of one that was not`(
        precision: String
    ) throws {
        let job = try TextJob()
        let config = try job.config("training.precision=\(precision)")
        try job.train(config, output: "whole")
        #expect(throws: (any Error).self) {
            try job.train(config, output: "stopped", stopAfter: 9)
        }
        try job.train(config, output: "stopped")
        #expect(try job.weights(of: "stopped") == job.weights(of: "whole"))
        #expect(try job.losses(of: "stopped") == job.losses(of: "whole"))
    }

    @Test func `bfloat16 keeps the weights in float32 and comes near float32's losses`() throws {
        let job = try TextJob()
        try job.train(try job.config(), output: "float")
        try job.train(try job.config("training.precision=bfloat16"), output: "half")
        let weights = try loadArrays(
            url: URL(filePath: "\(job.folder)/half/model/model.safetensors"))
        #expect(weights.values.allSatisfy { $0.dtype == .float32 })
        let (half, float) = (try job.losses(of: "half"), try job.losses(of: "float"))
        #expect(half != float)
        for (a, b) in zip(half, float) { #expect(abs(a - b) < 0.05 * b) }
    }

    @Test func `bfloat16 loses no step of a weight that is too small for it`() throws {
        let job = try TextJob()
        func weights(_ precision: String, _ rate: String) throws -> MLXArray {
            let output = "\(precision)-\(rate)"
            let config = try job.config(
                "training.precision=\(precision)", "optimizer.learning_rate=\(rate)")
            try job.train(config, output: output)
            let arrays = try loadArrays(
                url: URL(filePath: "\(job.folder)/\(output)/model/model.safetensors"))
            return concatenated(arrays.sorted { $0.key < $1.key }.map { $0.value.flattened() })
        }
        let start = try weights("float32", "1e-12")
        let float = try weights("float32", "1e-5") - start
        let half = try weights("bfloat16", "1e-5") - start
        let size = abs(float).mean().item(Float.self)
        #expect(size > 1e-5)
        #expect(abs(half - float).mean().item(Float.self) < 0.2 * size)
    }

    @Test(arguments: [2, 3], ["true", "false"])
    func `bfloat16 on ranks that share memory gives one rank's losses`(
        ranks: Int, shardsOptimizer: String
    ) throws {
        let job = try TextJob()
        let config = try job.config("training.precision=bfloat16")
        try job.train(config, output: "one")
        let shared = try job.config(
            "training.precision=bfloat16", "distributed.sharded_optimizer=\(shardsOptimizer)")
        try job.train(shared, ranks: ranks, sharesMemory: true, output: "shared")
        let (losses, one) = (try job.losses(of: "shared"), try job.losses(of: "one"))
        #expect(losses.count == one.count)
        for (a, b) in zip(losses, one) { #expect(abs(a - b) < 1e-3 * b) }
    }

    @Test func `the model's folder is what transformers reads`() throws {
        let job = try TextJob(text: String(repeating: "\u{212B}Å é\t\"x\"\n", count: 60))
        try job.train(try job.config("training.steps=1"), output: "run")
        let folder = "\(job.folder)/run/model"
        let weights = try loadArrays(url: URL(filePath: "\(folder)/model.safetensors"))
        #expect(weights["transformer.h.0.attn.c_attn.weight"]?.shape == [16, 48])
        #expect(weights["transformer.wte.weight"]?.shape == [8, 16])
        let config = try JSONParser.parse(
            try Files.read("\(folder)/config.json"), source: "config.json")
        #expect(config["n_positions"]?.compact == "16")
        // The scalars in the order of their numbers; two of them are equal as strings, and would be
        // one key to a reader that compares strings.
        let tokenizer = try Files.read("\(folder)/tokenizer.json")
        let text = String(decoding: tokenizer, as: UTF8.self).unicodeScalars.map { $0 }
        for (id, scalar) in "x\u{C5}\u{E9}\u{212B}".unicodeScalars.enumerated() {
            let entry = Array("\"\(scalar)\": \(id + 4)".unicodeScalars)
            #expect(text.indices.contains { text[$0...].starts(with: entry) }, "\(scalar)")
        }
    }

    @Test(
        arguments: [
            ("model.type=mlp", "model.layers applies only to the models gpt and llama"),
            ("model.heads=3", "model.width must be a multiple of 3"),
            ("model.key_value_heads=1", "applies only to the model llama"),
            ("task=classification", "task must be language_model with the model gpt"),
            ("data.format=csv", "data.format must be text"),
            ("data.scale=2", "data.scale has no meaning for the format text"),
            ("model.dropout=0.1", "does not apply to the models gpt and llama"),
            ("data.tokenizer=bytes", "data.tokenizer"),
            ("evaluation.metric=accuracy", "evaluation.metric must be loss with the model gpt"),
        ])
    func `a job that makes no sense is refused`(override: String, words: String) throws {
        let job = try TextJob()
        #expect {
            try job.config(override)
        } throws: {
            "\($0)".contains(words)
        }
    }

    @Test func `texts that are no text or too short are refused with their place`() throws {
        let short = try TextJob(text: "abc\n")
        #expect {
            try short.train(try short.config(), output: "run")
        } throws: {
            "\($0)".contains("text.txt: 4 tokens are too few for one sample")
        }
        let broken = try TextJob()
        try Files.write([0x61, 0x0A, 0x62, 0xFF, 0x0A], to: "\(broken.folder)/text.txt")
        #expect {
            try broken.train(try broken.config(), output: "run")
        } throws: {
            "\($0)".contains("text.txt:2: the text is not UTF-8")
        }
    }
}
