import Foundation
import MLX
import MLXDistributed
import MLXLLM
import MLXLMCommon
import MLXNN
import MLXTrain
import Testing

@Suite("Fine-tuning of a loaded model") struct FineTuningTests {
    /// The logits of a few tokens.
    private func logits(_ model: any LanguageModel) -> [Float] {
        model(MLXArray([Int32(1), 60, 80, 100, 120, 2], [1, 6])).asArray(Float.self)
    }

    private func difference(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    @Test(
        "the loss falls, only the adapter is saved, and its two forms give the same logits",
        arguments: ["lora", "qlora", "dora"])
    func adapters(type: String) throws {
        let job = try ChatJob()
        let shown = try job.train(
            try job.config(
                "adapter.type=\(type)", "evaluation.prompts=[\"say red\"]",
                "evaluation.max_tokens=4", "evaluation.every_steps=6"), output: "run")
        let losses = try job.losses(of: "run")
        #expect(losses.count == 12 && losses[11] < 0.8 * losses[0])
        #expect(shown.contains("of them trained (\(type))") && shown.contains("perplexity"))
        #expect(try job.metrics("eval", of: "run").map { $0["step"]?.compact } == ["0", "6", "12"])
        let sample = try #require(try job.metrics("sample", of: "run").last)
        #expect(sample["prompt"]?.stringValue == "say red" && sample["text"] != nil)

        let saved = try loadArrays(
            url: URL(filePath: "\(job.folder)/run/checkpoints/step-00000012/model.safetensors"))
        #expect(saved.keys.allSatisfy { $0.contains(".lora_") || $0.hasSuffix(".m") })
        func adapted(_ form: String) throws -> any LanguageModel {
            let model = try job.model()
            if type == "qlora" { _ = try pack(model, .init(groupSize: 32, bits: 4)) }
            try LoRAContainer.from(directory: URL(filePath: "\(job.folder)/run/\(form)"))
                .load(into: model)
            return model
        }
        let own = try adapted("adapters")
        let expected = logits(own)
        #expect(difference(logits(try adapted("peft")), expected) < 1e-5)
        #expect(difference(logits(try job.model()), expected) > 0.05)
        LoRAContainer.fuse(own, dequantize: true)
        #expect(difference(logits(own), expected) < 1e-4)
    }

    @Test("a whole model is trained and left in a folder that loads", arguments: ["null", "1"])
    func full(layers: String) throws {
        let job = try ChatJob()
        try job.train(
            try job.config(
                "adapter={\"type\": \"full\", \"layers\": \(layers)}",
                "optimizer.learning_rate=0.005"), output: "run")
        let losses = try job.losses(of: "run")
        #expect(losses[11] < 0.9 * losses[0])
        let context = try LLMModelFactory.load(
            url: URL(filePath: "\(job.folder)/run/model"), mode: .exact)
        #expect(context.endTokens == [2])
        #expect(
            context.tokenizer.encode(text: "say red") == (try job.tokenizer.encode(text: "say red"))
        )
        let (new, old) = (
            Dictionary(uniqueKeysWithValues: context.model.parameters().flattened()),
            Dictionary(uniqueKeysWithValues: try job.model().parameters().flattened())
        )
        #expect(Set(new.keys) == Set(old.keys))
        let changed = new.keys.filter {
            new[$0]?.asArray(Float.self) != old[$0]?.asArray(Float.self)
        }
        #expect(changed.contains { $0.hasPrefix("model.layers.1.") })
        #expect(changed.contains("model.embed_tokens.weight") == (layers == "null"))
    }

    @Test("losses are weighed by tokens: they depend neither on ranks nor on micro-batches")
    func weights() throws {
        let job = try ChatJob()
        try job.train(try job.config(), output: "one")
        let expected = try job.losses(of: "one")
        for (ranks, size) in [(2, 2), (3, 2), (1, 6), (2, 1)] {
            let output = "\(ranks)-\(size)"
            try job.train(
                try job.config("training.micro_batch_size=\(size)"), ranks: ranks, output: output)
            for (loss, wanted) in zip(try job.losses(of: output), expected) {
                #expect(abs(loss - wanted) <= 1e-4 * abs(wanted), "\(output)")
            }
        }
        let end = { (output: String) in
            Double(try job.metrics("end", of: output).last?["loss"]?.compact ?? "") ?? .nan
        }
        #expect(abs(try end("3-2") - end("one")) <= 1e-4 * abs(try end("one")))
    }

    @Test(
        "a run that was stopped and goes on gives the bits of one that was not",
        arguments: ["adapter.dropout=0.2", "adapter.type=qlora", "training.precision=bfloat16"])
    func resuming(setting: String) throws {
        let job = try ChatJob()
        let config = try job.config(setting)
        try job.train(config, output: "whole")
        for ranks in [1, 2] {
            #expect(throws: (any Error).self) {
                try job.train(config, ranks: ranks, output: "stopped\(ranks)", stopAfter: 7)
            }
            try job.train(config, ranks: ranks, output: "stopped\(ranks)")
        }
        #expect(try job.adapter(of: "stopped1") == job.adapter(of: "whole"))
        #expect(try job.losses(of: "stopped1") == job.losses(of: "whole"))
        try job.train(config, ranks: 2, output: "whole2")
        #expect(try job.adapter(of: "stopped2") == job.adapter(of: "whole2"))
        let again = try job.train(config, output: "whole")
        #expect(again.contains("has finished at step 12"))
    }

    @Test("a run does not go on with another base model than it began with")
    func changedBase() throws {
        let job = try ChatJob()
        let config = try job.config()
        #expect(throws: (any Error).self) {
            try job.train(config, output: "refused", stopAfter: 7)
        }
        let weights = "\(job.folder)/model/model.safetensors"
        let bytes = try Files.read(weights)
        var others = bytes
        others[bytes.count - 4] ^= 1
        try Files.replace(weights, with: others)
        let refusal = job.refusal(config)
        #expect(refusal.contains("/model has changed since step-"), "\(refusal)")
        #expect(refusal.hasSuffix("[65]"), "\(refusal)")
        try Files.replace(weights, with: bytes)
        try job.train(config, output: "refused")
        #expect(try job.losses(of: "refused").count == 12)
    }

    @Test("a folder of train, valid and test files is read as mlx-lm reads it")
    func folders() throws {
        let job = try ChatJob()
        try job.write(Array(ChatJob.records.prefix(12)), to: "data/train.jsonl")
        try job.write(Array(ChatJob.records.suffix(4)), to: "data/test.jsonl")
        let config = try job.config("data.path=data", "training.steps=1")
        #expect(try job.train(config, output: "a").contains("12 training records"))
        #expect(try job.metrics("end", of: "a").last?["samples"]?.compact == "4")
        try job.write(Array(ChatJob.records.suffix(5)), to: "data/valid.jsonl")
        try job.train(config, output: "b")
        #expect(try job.metrics("end", of: "b").last?["samples"]?.compact == "5")
        try job.train(
            try job.config(
                "data.test_path=data/test.jsonl", "data.test_fraction=0", "training.steps=1"),
            output: "c")
        #expect(try job.metrics("end", of: "c").last?["samples"]?.compact == "4")
    }

    @Test("records that are cut or left out are told, and a row never is without a target")
    func truncation() throws {
        let long = #"{"prompt": "\#(String(repeating: "q", count: 90))", "completion": "red"}"#
        let silent = #"{"messages": [{"role": "user", "content": "red"}]}"#
        let wordy = #"{"prompt": "say", "completion": "\#(String(repeating: "z", count: 80))"}"#
        let job = try ChatJob(records: ChatJob.records + [long, silent, wordy])
        let shown = try job.train(
            try job.config("data.max_seq_length=70", "data.test_fraction=0"), output: "run")
        #expect(shown.contains("25 training records"))
        #expect(shown.contains("1 record cut to data.max_seq_length"))
        #expect(
            shown.contains("for data.max_seq_length ends before (") && shown.contains("jsonl:25)"))
        #expect(shown.contains("nothing in them is learned") && shown.contains("chats.jsonl:26)"))
        #expect(try job.losses(of: "run").allSatisfy(\.isFinite))
        let none = try ChatJob(records: [silent, silent])
        #expect(
            none.refusal(try none.config()).contains("none of its 2 records has a token to learn"))
    }

    @Test("what does not fit together is refused with one line")
    func refusals() throws {
        let job = try ChatJob(template: nil)
        #expect(
            job.refusal(try job.config()).contains("chats.jsonl:1: the record is a conversation"))
        #expect(job.refusal(try job.config("model.path=no")).hasSuffix("[66]"))
        let bits = try job.config("model.bits=4", "adapter={\"type\": \"full\"}")
        #expect(job.refusal(bits).contains("model.bits") && job.refusal(bits).hasSuffix("[64]"))
        let half = try job.config("adapter.type=qlora", "training.precision=bfloat16")
        #expect(job.refusal(half).contains("goes not with packed weights"))
        let keys = try job.config("adapter.keys=[\"self_attn.x_proj\"]")
        #expect(job.refusal(keys).contains("none of the layers"))
        try Files.remove("\(job.folder)/model/tokenizer.json")
        #expect(job.refusal(try job.config()).contains("has no tokenizer"))
        #expect(job.refusal(try job.config()).hasSuffix("[66]"))
    }

    @Test("a run begins with an adapter, if it is one of this model")
    func beginning() throws {
        let job = try ChatJob()
        try job.train(try job.config(), output: "first")
        try job.train(try job.config("adapter.path=first/adapters"), output: "second")
        #expect(try job.losses(of: "second")[0] < 0.8 * job.losses(of: "first")[0])
        let other = try job.config("adapter.path=first/adapters", "adapter.type=dora")
        #expect(job.refusal(other).contains("it is of the type lora, and adapter.type is dora"))
        var arrays = try loadArrays(
            url: URL(filePath: "\(job.folder)/first/adapters/adapters.safetensors"))
        arrays = Dictionary(
            uniqueKeysWithValues: arrays.map {
                ($0.key.replacing("layers.1", with: "layers.9"), $0.value)
            })
        try save(
            arrays: arrays,
            url: URL(filePath: "\(job.folder)/first/adapters/adapters.safetensors"))
        #expect(
            job.refusal(try job.config("adapter.path=first/adapters"))
                .contains("it is of another model"))
    }

    @Test(
        "a job that makes no sense is refused",
        arguments: [
            ("model.layers=2", "does not apply to the model pretrained"),
            ("model.bits=7", "model.bits must be 2, 3, 4, 5, 6 or 8"),
            ("model.group_size=48", "model.group_size must be 32, 64 or 128"),
            ("model.path=", "model.path must be the folder of a model"),
            ("adapter.alpha=3", "adapter.scale is adapter.alpha divided by adapter.rank"),
            ("adapter.type=full", "does not apply to the type full"),
            ("adapter.layers=0", "adapter.layers must be 1 or greater, or -1"),
            ("adapter.rnak=3", "unknown key adapter.rnak; did you mean adapter.rank?"),
            ("adapter.keys=[]", "adapter.keys must be one name or more"),
            ("data.format=text", "data.format must be jsonl with the model pretrained; got text"),
            ("data.max_seq_length=1", "data.max_seq_length must be 2 or greater"),
            ("data.tokenizer=character", "does not apply to the model pretrained"),
            ("task=classification", "task must be language_model"),
        ])
    func senseless(override: String, words: String) throws {
        let job = try ChatJob()
        #expect {
            try job.config(override)
        } throws: {
            "\($0)".contains(words)
        }
    }
}
