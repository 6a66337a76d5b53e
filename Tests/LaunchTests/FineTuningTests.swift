import Foundation
import Testing

extension LaunchTests {
    @Suite("An adapter of a loaded model")
    struct FineTuning {
        /// A tiny model that a run has made from scratch, and a job that fine-tunes it.
        private struct TinyModel {
            let folder: TemporaryFolder

            init() throws {
                folder = try TemporaryFolder()
                let words = ["red", "green", "blue"]
                let lines = (0..<32).map { index in
                    let question = String(repeating: "say ", count: index % 5 + 1)
                    let word = words[index % 3]
                    return #"{"prompt": "\#(question)\#(word): ", "completion": "\#(word)!"}"#
                }
                try Disk.write(lines.map { $0 + "\n" }.joined(), to: folder / "records.jsonl")
                try Disk.write(TinyModel.scratch, to: folder / "scratch.json")
                try Disk.write(TinyModel.adapter, to: folder / "adapter.json")
                try run("scratch", "model").expectSuccess()
            }

            private static let scratch = """
                {
                  "model": {"type": "llama", "layers": 2, "heads": 2, "width": 32, "context": 64},
                  "data": {"format": "jsonl", "path": "records.jsonl", "vocabulary_size": 280},
                  "optimizer": {"type": "adamw", "learning_rate": 0.01},
                  "training": {"steps": 2, "global_batch_size": 4}
                }
                """

            private static let adapter = """
                {
                  "seed": 5, "model": {"type": "pretrained", "path": "model/model"},
                  "adapter": {"type": "lora", "layers": -1, "dropout": 0.1, "alpha": 16},
                  "data": {"format": "jsonl", "path": "records.jsonl"},
                  "optimizer": {"type": "adamw", "learning_rate": 0.01},
                  "training": {"steps": 60, "global_batch_size": 8, "micro_batch_size": 2},
                  "checkpoint": {"every_steps": 5}, "metrics": {"every_steps": 1}
                }
                """

            func arguments(_ job: String, _ output: String) -> [String] {
                ["--config", folder / "\(job).json", "--output", folder / output]
            }

            @discardableResult
            func run(_ job: String, _ output: String, ranks: Int? = nil) throws -> Outcome {
                try TrainCommand.run(arguments(job, output), ranks: ranks)
            }

            func losses(_ output: String) throws -> [Double] {
                var losses: [Int: Double] = [:]
                for line in try MetricsLine.read(folder / "\(output)/metrics.jsonl")
                where line.event == "train" {
                    losses[line.step] = line.loss
                }
                return losses.sorted { $0.key < $1.key }.map(\.value)
            }

            func adapter(_ output: String) throws -> Data {
                try Disk.bytes(folder / "\(output)/adapters/adapters.safetensors")
            }
        }

        @Test func `is the same on two processes, and after a kill to the last bit`() throws {
            let tiny = try TinyModel()
            try tiny.run("adapter", "one").expectSuccess()
            try tiny.run("adapter", "two", ranks: 2).expectSuccess()
            let (one, two) = (try tiny.losses("one"), try tiny.losses("two"))
            #expect(one.count == 60 && two.count == 60)
            for (a, b) in zip(one, two) { #expect(abs(a - b) <= 1e-4 * abs(a)) }

            let process = try TrainCommand.start(tiny.arguments("adapter", "killed"), ranks: 2)
            try process.wait(for: "to reach step 12") {
                ((try? tiny.losses("killed")) ?? []).count >= 12
            }
            for member in process.descendants + [process.pid] { kill(member, SIGKILL) }
            _ = try process.wait()
            try tiny.run("adapter", "killed", ranks: 2).expectSuccess()
            #expect(try tiny.losses("killed") == two)
            #expect(try tiny.adapter("killed") == tiny.adapter("two"))
        }
    }
}
