import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXTrain
import Testing

@Suite("Language models from scratch with words for tokens, and packed records")
struct FreshRecordTests {
    /// A job with a model from scratch, in the folder of a chat job.
    private func config(
        _ job: ChatJob, _ type: String, _ data: String, _ overrides: String...
    ) throws -> TrainConfig {
        let json = """
            {
              "name": "words", "seed": 3,
              "model": {"type": "\(type)", "layers": 2, "heads": 2, "width": 16, "context": 32},
              "data": \(data),
              "optimizer": {"type": "adamw", "learning_rate": 0.01},
              "training": {"steps": 8, "global_batch_size": 8, "micro_batch_size": 4},
              "checkpoint": {"every_steps": 4}, "metrics": {"every_steps": 1}
            }
            """
        return try TrainConfig(json: json, baseDirectory: job.folder, overrides: overrides)
    }

    private static let texts = (0..<40).map { index in
        #"{"text": "\#(String(repeating: "the cat sat on a mat ", count: index % 4 + 1))"}"#
    }

    private static let bpe =
        #"{"format": "jsonl", "path": "texts.jsonl", "vocabulary_size": 300, "test_fraction": 0"#

    private func job() throws -> ChatJob {
        let job = try ChatJob()
        try job.write(Self.texts, to: "texts.jsonl")
        return job
    }

    @Test("a vocabulary is learned and saved with the model", arguments: ["gpt", "llama"])
    func learned(type: String) throws {
        let job = try job()
        try job.train(try config(job, type, Self.bpe + "}"), output: "run")
        let losses = try job.losses(of: "run")
        #expect(losses.count == 8 && losses[7] < 0.9 * losses[0])
        let context = try LLMModelFactory.load(url: URL(filePath: "\(job.folder)/run/model"))
        #expect(context.tokenizer.encode(text: "the cat sat").count <= 6)
        #expect(context.tokenizer.eosToken == "<|endoftext|>" && context.endTokens == [0])
    }

    @Test("packed records give the losses of single ones", arguments: ["gpt", "llama"])
    func packing(type: String) throws {
        let job = try job()
        let all = "training.global_batch_size=40"
        let single = try config(job, type, Self.bpe + #", "pack": false}"#, all)
        #expect(try job.train(single, output: "single").contains("40 training records"))
        let packed = try config(job, type, Self.bpe + "}", all)
        #expect(try job.train(packed, output: "packed").contains("packed into"))
        let (a, b) = (try job.losses(of: "single"), try job.losses(of: "packed"))
        #expect(a.count == 8 && b.count == 8)
        for (x, y) in zip(a, b) { #expect(abs(x - y) < 2e-4 * x) }
    }

    @Test("packed conversations train a loaded model on any number of ranks")
    func packedAdapters() throws {
        let job = try ChatJob()
        let settings = ["data.pack=true", "data.max_seq_length=48"]
        let config = try job.config(settings[0], settings[1], "training.global_batch_size=4")
        #expect(try job.train(config, output: "one").contains("packed into"))
        try job.train(config, ranks: 2, output: "two")
        for (a, b) in zip(try job.losses(of: "one"), try job.losses(of: "two")) {
            #expect(abs(a - b) <= 1e-4 * a)
        }
    }

    @Test("long texts become pieces, and each token but the first is learned once")
    func pieces() throws {
        let job = try ChatJob()
        let long = String(repeating: "q", count: 100)
        try job.write([#"{"text": "\#(long)"}"#, #"{"text": "abc"}"#], to: "texts.jsonl")
        let encoder = RecordEncoder(
            try job.tokenizer, maskPrompt: true, maxLength: 32, vocabularySize: 300,
            cutsIntoPieces: true)
        let source = try config(job, "gpt", Self.bpe + #", "pack": false}"#).data.source
        guard case .jsonl(let records) = source else { throw CancellationError() }
        let corpus = try RecordCorpus.load(records, testFraction: 0, seed: 1, encoder: encoder)
        // 101 tokens and an end are read in four pieces, then a text of its own.
        #expect(corpus.train.recordCount == 5 && corpus.train.targetCount == 100 + 3)
        #expect(corpus.train.longestSample == 32)
    }

    @Test("samples are filled with records that fit, in a fixed order")
    func filling() {
        var data = RecordDataset()
        for length in [5, 3, 6, 2, 4] {
            data.append(
                EncodedRecord(
                    tokens: Array(0..<Int32(length)),
                    isTarget: (0..<length).map { $0 > 0 }))
        }
        let packed = data.packed(length: 6)
        #expect(packed.count == 3 && packed.targetCount == 15 && packed.recordCount == 5)
        let batch = packed.gather([0, 2])
        #expect(batch.sequences == [0, 0, 0, 0, 1, 1, 0, 0, 0, -1, -1, -1])
        #expect(batch.positions == [0, 1, 2, 3, 0, 1, 0, 1, 2, 0, 0, 0])
        #expect(batch.places.count == 9 && packed.targets(of: [1]) == 6)
    }

    @Test("a text is cut by a learned vocabulary, or by that of a model")
    func plainTexts() throws {
        let job = try job()
        try Files.write(
            String(repeating: "the cat sat on a mat\n", count: 120).utf8,
            to: "\(job.folder)/text.txt")
        let bpe =
            #"{"format": "text", "path": "text.txt", "tokenizer": "bpe", "vocabulary_size": 280}"#
        try job.train(try config(job, "llama", bpe, "model.context=16"), output: "bpe")
        let model =
            #"{"format": "text", "path": "text.txt", "tokenizer": "pretrained", "tokenizer_path": "model"}"#
        try job.train(try config(job, "llama", model, "model.context=16"), output: "own")
        let tokenizer = try PreTrainedTokenizer(
            directory: URL(filePath: "\(job.folder)/own/model"))
        #expect(tokenizer.encode(text: "say red") == (try job.tokenizer.encode(text: "say red")))
        #expect(tokenizer.chatTemplateSource != nil)
    }

    @Test(
        "what does not go together is refused",
        arguments: [
            (#"{"format": "jsonl", "path": "x", "tokenizer": "character"}"#, "bpe or pretrained"),
            (#"{"format": "jsonl", "path": "x", "max_seq_length": 9}"#, "is model.context"),
            (#"{"format": "text", "path": "x", "pack": true}"#, "applies only to the format jsonl"),
            (
                #"{"format": "text", "path": "x", "vocabulary_size": 9}"#,
                "only to the tokenizer bpe"
            ),
            (
                #"{"format": "text", "path": "x", "tokenizer": "pretrained"}"#,
                "data.tokenizer_path is"
            ),
            (#"{"format": "jsonl", "path": "x", "vocabulary_size": 9}"#, "must be 257 or greater"),
        ])
    func refusals(data: String, words: String) throws {
        let job = try job()
        #expect {
            try config(job, "gpt", data)
        } throws: {
            "\($0)".contains(words)
        }
    }

    @Test("conversations need a tokenizer that has a template for them")
    func conversations() throws {
        let job = try job()
        let bpe = #"{"format": "jsonl", "path": "chats.jsonl"}"#
        #expect(job.refusal(try config(job, "gpt", bpe)).contains("chats.jsonl:1: the record is a"))
        let model =
            #"{"format": "jsonl", "path": "chats.jsonl", "tokenizer": "pretrained", "tokenizer_path": "model"}"#
        let told = try job.train(
            try config(job, "gpt", model, "model.context=64"), output: "run")
        #expect(told.contains("22 training records") || told.contains("21 training records"))
    }

    @Test(
        "the weight decay of matrices leaves norms and tables alone",
        arguments: ["all", "matrices"])
    func decay(parameters: String) throws {
        let job = try job()
        func weights(_ decay: Double, _ output: String) throws -> [String: MLXArray] {
            try job.train(
                try config(
                    job, "llama", Self.bpe + "}", "training.steps=1",
                    "optimizer.weight_decay=\(decay)", "optimizer.decay=\(parameters)"),
                output: output)
            return try loadArrays(
                url: URL(filePath: "\(job.folder)/\(output)/model/model.safetensors"))
        }
        let (without, with) = (try weights(0, "a"), try weights(0.5, "b"))
        func isChanged(_ name: String) -> Bool {
            without[name]?.asArray(Float.self) != with[name]?.asArray(Float.self)
        }
        #expect(isChanged("model.layers.0.mlp.up_proj.weight"))
        #expect(isChanged("model.norm.weight") == (parameters == "all"))
        #expect(isChanged("model.embed_tokens.weight") == (parameters == "all"))
    }

    @Test("gradient checkpointing leaves the losses of a run as they are", arguments: ["0", "0.3"])
    func checkpointing(dropout: String) throws {
        let job = try ChatJob()
        try job.train(try job.config("adapter.dropout=\(dropout)"), output: "plain")
        try job.train(
            try job.config("adapter.dropout=\(dropout)", "training.gradient_checkpointing=true"),
            output: "recomputed")
        let (a, b) = (try job.losses(of: "plain"), try job.losses(of: "recomputed"))
        if dropout == "0" {
            for (x, y) in zip(a, b) { #expect(abs(x - y) <= 1e-5 * x) }
        } else {
            // Other numbers are drawn; what is drawn twice is the same.
            #expect(b[11] < 0.9 * b[0])
        }
    }
}
