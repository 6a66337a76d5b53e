import Foundation
import MLXTrain

/// Jobs for tests.
enum TestJob {
    /// The smallest job: every key without a default, and nothing else.
    static let minimal = """
        {
          "model": { "type": "mlp", "hidden": [4] },
          "data": { "format": "csv", "path": "samples.csv" },
          "optimizer": { "type": "sgd", "learning_rate": 0.1 },
          "training": { "epochs": 2, "global_batch_size": 8 }
        }
        """

    /// What the smallest job resolves to.
    static let resolvedMinimal = """
        {
          "name": "job",
          "seed": 0,
          "task": "classification",
          "model": {
            "type": "mlp",
            "hidden": [4],
            "activation": "relu",
            "dropout": 0
          },
          "data": {
            "format": "csv",
            "path": "/jobs/samples.csv",
            "label_column": "last",
            "header": "auto",
            "image": null,
            "test_fraction": 0.2,
            "classes": null,
            "scale": 1
          },
          "optimizer": {
            "type": "sgd",
            "learning_rate": 0.1,
            "momentum": 0,
            "nesterov": false,
            "weight_decay": 0,
            "decay": "all",
            "clip_norm": null,
            "schedule": {
              "type": "constant",
              "warmup_steps": 0
            }
          },
          "training": {
            "steps": null,
            "epochs": 2,
            "global_batch_size": 8,
            "micro_batch_size": null,
            "precision": "float32",
            "max_seconds": null,
            "on_nan": "fail",
            "spike_z_score": null,
            "spike_window": 128,
            "on_spike": "skip",
            "final_weights": "last",
            "gradient_checkpointing": false
          },
          "distributed": {
            "transport": "auto",
            "encryption": "auto",
            "interface": null,
            "shared_memory": "auto",
            "bucket_megabytes": 4,
            "first_bucket_megabytes": 1,
            "reduction": "fast",
            "compression": "none",
            "timeout_seconds": 60,
            "startup_timeout_seconds": 300,
            "rendezvous_seconds": 60,
            "sharded_optimizer": null,
            "check_replicas_every": 50
          },
          "checkpoint": {
            "every_steps": null,
            "keep_last": 3,
            "keep_every": null,
            "keep_best": 0,
            "on_error": "fail"
          },
          "evaluation": {
            "every_steps": null,
            "batch_size": 256,
            "metric": "loss",
            "patience": null,
            "min_delta": 0
          },
          "metrics": {
            "every_steps": 10
          }
        }

        """

    /// A job with every section and most keys.
    static let full = """
        {
          "name": "digits-mlp", "seed": 7, "task": "classification",
          "model": { "type": "mlp", "hidden": [128, 64] },
          "data": { "format": "csv", "path": "data/digits.csv.gz", "test_fraction": 0.2 },
          "optimizer": { "type": "adamw", "learning_rate": 0.003, "weight_decay": 0.01,
                         "clip_norm": 1.0,
                         "schedule": { "type": "cosine", "warmup_steps": 20 } },
          "training": { "epochs": 30, "global_batch_size": 64, "micro_batch_size": 16,
                        "precision": "float32" },
          "distributed": { "transport": "auto", "shared_memory": "auto", "bucket_megabytes": 4,
                           "reduction": "fast", "timeout_seconds": 60 },
          "checkpoint": { "every_steps": 50, "keep_last": 3 },
          "evaluation": { "every_steps": 100 },
          "metrics": { "every_steps": 10 }
        }
        """

    static func decode(_ json: String, _ overrides: String...) throws -> TrainConfig {
        try TrainConfig(
            json: json, file: "configs/job.json", baseDirectory: "/jobs", overrides: overrides)
    }

    /// What is said about a job that is refused; `nil` if it is not.
    static func refusal(_ json: String, _ overrides: [String] = []) -> String? {
        do {
            _ = try TrainConfig(
                json: json, file: "job.json", baseDirectory: "/jobs", overrides: overrides)
            return nil
        } catch {
            return "\(error) [\(error.exitStatus)]"
        }
    }

    /// The repository's folder of jobs.
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("configs")
        .path
}
