import Foundation
import MLXTrain
import Testing

@Suite("A job is decoded with every default filled in")
struct ConfigDecodingTests {
    @Test func `the smallest job has the documented defaults, printed in a fixed order`() throws {
        let job = try TestJob.decode(TestJob.minimal)
        #expect(job.resolvedJSON() == TestJob.resolvedMinimal)
    }

    @Test func `a job with all sections keeps its values`() throws {
        let job = try TestJob.decode(TestJob.full)
        #expect(job.name == "digits-mlp")
        #expect(job.seed == 7)
        #expect(job.optimizer.type == .adamw)
        #expect(job.optimizer.learningRate == 0.003)
        #expect(job.optimizer.beta1 == 0.9 && job.optimizer.beta2 == 0.999)
        #expect(job.optimizer.epsilon == 1e-8)
        #expect(job.optimizer.biasCorrection)
        #expect(job.optimizer.clipNorm == 1)
        #expect(job.optimizer.schedule.type == .cosine)
        #expect(job.optimizer.schedule.warmupSteps == 20)
        #expect(job.optimizer.schedule.end == 0)
        #expect(job.training.globalBatchSize == 64)
        #expect(job.training.microBatchSize == 16)
        #expect(job.checkpoint.everySteps == 50)
        #expect(job.evaluation.everySteps == 100)
    }

    @Test func `paths start at the folder of the job`() throws {
        let inside = try TestJob.decode(TestJob.minimal, "data.path=./a/../b//c.csv")
        let above = try TestJob.decode(TestJob.minimal, "data.path=../c.csv")
        let absolute = try TestJob.decode(TestJob.minimal, "data.path=/x/c.csv")
        let paths = [inside, above, absolute].map { job in
            if case .csv(let source) = job.data.source { source.path } else { "" }
        }
        #expect(paths == ["/jobs/b/c.csv", "/c.csv", "/x/c.csv"])
    }

    @Test func `MNIST files have their own defaults`() throws {
        let json = """
            { "model": { "type": "lenet", "dropout": 0.1 },
              "data": { "format": "mnist", "images": "i.gz", "labels": "l.gz" },
              "optimizer": { "type": "sgd", "learning_rate": 0.1 },
              "training": { "steps": 5, "global_batch_size": 8 } }
            """
        let job = try TestJob.decode(json)
        #expect(job.model.type == .lenet)
        #expect(job.data.scale == 255)
        #expect(job.data.testFraction == 0.2)
        let tested = try TestJob.decode(json, "data.test_images=ti", "data.test_labels=tl")
        #expect(tested.data.testFraction == 0)
        guard case .mnist(let files) = tested.data.source else {
            Issue.record("expected MNIST files")
            return
        }
        #expect(files.images == "/jobs/i.gz" && files.labels == "/jobs/l.gz")
        #expect(files.test?.images == "/jobs/ti" && files.test?.labels == "/jobs/tl")
    }

    @Test func `whole numbers may be written as 64, 64.0 and 6.4e1`() throws {
        for text in ["64", "64.0", "6.4e1"] {
            let job = try TestJob.decode(TestJob.minimal, "training.global_batch_size=\(text)")
            #expect(job.training.globalBatchSize == 64)
        }
    }

    @Test func `seeds reach the last of 64 bits`() throws {
        let job = try TestJob.decode(TestJob.minimal, "seed=18446744073709551615")
        #expect(job.seed == .max)
        #expect(try TestJob.decode(job.resolvedJSON()).seed == .max)
    }

    @Test func `an interval of 0 or null is none`() throws {
        for text in ["0", "null"] {
            let job = try TestJob.decode(
                TestJob.full, "checkpoint.every_steps=\(text)", "evaluation.every_steps=\(text)")
            #expect(job.checkpoint.everySteps == nil)
            #expect(job.evaluation.everySteps == nil)
        }
    }

    @Test func `the resolved job decodes to an equal job, from any folder`() throws {
        let jobs = [
            try TestJob.decode(TestJob.minimal),
            try TestJob.decode(TestJob.full),
            try TestJob.decode(TestJob.full, "optimizer.schedule.end=1e-5", "name=Zürich \"1\""),
            try TestJob.decode(
                TestJob.minimal, "optimizer.momentum=0.9", "optimizer.nesterov=true",
                "data.label_column=kind", "data.header=true", "data.classes=[\"a\",\"b\"]"),
            try TestJob.decode(
                TestJob.minimal, "model={\"type\":\"lenet\"}", "data.label_column=3",
                "data.image={\"height\":8,\"width\":4}", "data.header=false"),
        ]
        for job in jobs {
            let again = try TrainConfig(
                json: job.resolvedJSON(), file: "config.json", baseDirectory: "/elsewhere")
            #expect(again == job)
            #expect(again.resolvedJSON() == job.resolvedJSON())
        }
    }

    @Test func `more ranks than micro-batches is a warning`() throws {
        let job = try TestJob.decode(TestJob.full)
        #expect(job.warnings(worldSize: 4).isEmpty)
        let warning = try #require(job.warnings(worldSize: 6).first)
        #expect(warning.contains("global_batch_size 64 in micro-batches of 16"))
        #expect(warning.contains("4 of 6 ranks"))
        let whole = try TestJob.decode(TestJob.minimal)
        #expect(whole.warnings(worldSize: 8).isEmpty)
        #expect(whole.warnings(worldSize: 9).count == 1)
    }
}

@Suite("The jobs of the repository")
struct ConfigRepositoryTests {
    @Test(arguments: [
        "digits-mlp", "digits-lenet", "mnist-lenet", "char-gpt", "llama-scratch", "smollm2-lora",
        "smollm2-qlora", "smollm2-full",
    ])
    func `each job decodes and has the name of its file`(name: String) throws {
        let job = try TrainConfig.load(path: "\(TestJob.folder)/\(name).json")
        #expect(job.name == name)
        let named = try TrainConfig.load(
            path: "\(TestJob.folder)/\(name).json", overrides: ["seed=3"])
        #expect(named.seed == 3)
    }

    @Test func `README.md has a row for every key, and for no other`() throws {
        let text = try String(contentsOfFile: "\(TestJob.folder)/README.md", encoding: .utf8)
        let rows = text.split(separator: "\n").compactMap { line in
            line.hasPrefix("| `") ? line.dropFirst(3).prefix { $0 != "`" } : nil
        }
        #expect(Set(rows.map(String.init)) == Set(TrainConfig.documentedKeys))
        #expect(rows.count == TrainConfig.documentedKeys.count)
    }

    @Test func `every key printed in a resolved job is documented`() throws {
        let tree = try JSONParser.parse(
            Array(TestJob.decode(TestJob.full).resolvedJSON().utf8), source: "")
        func leaves(_ node: JSONNode, _ path: String) -> [String] {
            guard case .object(let members) = node.value else { return [path] }
            return members.flatMap {
                leaves($0.node, path.isEmpty ? $0.key : "\(path).\($0.key)")
            }
        }
        let documented = Set(TrainConfig.documentedKeys + ["data.image"])
        #expect(leaves(tree, "").allSatisfy(documented.contains))
    }
}
