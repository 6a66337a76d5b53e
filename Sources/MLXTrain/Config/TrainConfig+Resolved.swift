extension TrainConfig {
    /// The whole job as JSON text: every key that applies, in a fixed order, paths absolute.
    ///
    /// Decoding it gives an equal job.
    public func resolvedJSON() -> String {
        resolvedTree.prettyPrinted() + "\n"
    }

    /// The tree that `resolvedJSON()` prints.
    var resolvedTree: JSONNode {
        .object(
            [
                (JobKey.name.rawValue, .string(name)),
                (JobKey.seed.rawValue, .integer(seed)),
                (JobKey.task.rawValue, .string(task.rawValue)),
                (JobKey.model.rawValue, model.tree),
            ] + (adapter.map { [(JobKey.adapter.rawValue, $0.tree)] } ?? []) + [
                (JobKey.data.rawValue, data.tree),
                (JobKey.optimizer.rawValue, optimizer.tree),
                (JobKey.training.rawValue, training.tree),
                (JobKey.distributed.rawValue, distributed.tree),
                (JobKey.checkpoint.rawValue, checkpoint.tree),
                (JobKey.evaluation.rawValue, evaluation.tree(answers: adapter != nil)),
                (JobKey.metrics.rawValue, metrics.tree),
            ])
    }
}

/// The tree of a section, from its keys in order.
private func section<Key: ConfigKey>(_ members: [(Key, JSONNode)]) -> JSONNode {
    .object(members.map { ($0.0.rawValue, $0.1) })
}

private func optional(_ value: Int?) -> JSONNode { value.map { .integer($0) } ?? .null }

extension ModelConfig {
    fileprivate var tree: JSONNode {
        switch self {
        case .mlp(let config):
            section([
                (ModelKey.type, .string(type.rawValue)),
                (.hidden, .array(config.hidden.map { .integer($0) })),
                (.activation, .string(config.activation.rawValue)),
                (.dropout, .number(config.dropout)),
            ])
        case .lenet(let config):
            section([
                (ModelKey.type, .string(type.rawValue)), (.dropout, .number(config.dropout)),
            ])
        case .transformer(let config):
            section(config.members(type))
        case .pretrained(let config):
            section([
                (ModelKey.type, .string(type.rawValue)), (.path, .string(config.path)),
                (.bits, optional(config.bits)), (.groupSize, .integer(config.groupSize)),
                (.unpack, .bool(config.unpack)),
            ])
        }
    }
}

extension AdapterConfig {
    fileprivate var tree: JSONNode {
        var members: [(AdapterKey, JSONNode)] = [
            (.type, .string(type.rawValue)), (.layers, optional(layers)),
        ]
        if type != .full {
            members += [
                (.rank, .integer(rank)), (.scale, .number(scale)), (.dropout, .number(dropout)),
                (.keys, keys.map { .array($0.map(JSONNode.string)) } ?? .null),
                (.path, path.map(JSONNode.string) ?? .null),
            ]
        }
        return section(members)
    }
}

extension TransformerConfig {
    fileprivate func members(_ type: ModelType) -> [(ModelKey, JSONNode)] {
        var members: [(ModelKey, JSONNode)] = [
            (.type, .string(type.rawValue)), (.layers, .integer(layers)),
            (.heads, .integer(heads)), (.width, .integer(width)),
            (.feedForward, .integer(feedForward)), (.context, .integer(context)),
            (.tieEmbeddings, .bool(tieEmbeddings)),
        ]
        if family == .llama {
            members += [
                (.keyValueHeads, .integer(keyValueHeads)), (.ropeBase, .number(ropeBase)),
            ]
        }
        return members
    }
}

extension DataConfig {
    fileprivate var tree: JSONNode {
        var members: [(DataKey, JSONNode)] = [(.format, .string(format.rawValue))]
        switch source {
        case .csv(let source):
            members += [
                (.path, .string(source.path)), (.labelColumn, source.labelColumn.tree),
                (.header, source.header.tree), (.image, source.image?.tree ?? .null),
            ]
        case .mnist(let source):
            members += [(.images, .string(source.images)), (.labels, .string(source.labels))]
            if let test = source.test {
                members += [
                    (.testImages, .string(test.images)), (.testLabels, .string(test.labels)),
                ]
            }
        case .text(let source):
            members += [
                (.path, .string(source.path)), (.testFraction, .number(testFraction)),
            ]
            members += source.tokenizer.members
            return section(members)
        case .jsonl(let source):
            members.append((.path, .string(source.path)))
            if let path = source.testPath { members.append((.testPath, .string(path))) }
            members += [
                (.maskPrompt, .bool(source.maskPrompt)), (.pack, .bool(source.pack)),
                (.testFraction, .number(testFraction)),
            ]
            if source.tokenizer == nil {
                members.append((.maxSeqLength, optional(source.maxSeqLength)))
            }
            members += source.tokenizer?.members ?? []
            return section(members)
        case .tokens(let source):
            return section(members + source.members + [(.testFraction, .number(testFraction))])
        }
        members += [
            (.testFraction, .number(testFraction)),
            (.classes, classes.map { .array($0.map(JSONNode.string)) } ?? .null),
            (.scale, .number(scale)),
        ]
        return section(members)
    }
}

extension TokenSource {
    fileprivate var members: [(DataKey, JSONNode)] {
        let files = paths.map(JSONNode.string)
        let test = testPaths.map { [(DataKey.testPath, JSONNode.array($0.map(JSONNode.string)))] }
        return [(.path, .array(files))] + (test ?? []) + [
            (.tokenType, .string(type.rawValue)), (.vocabularySize, .integer(vocabularySize)),
        ]
    }
}

extension TokenizerChoice {
    fileprivate var members: [(DataKey, JSONNode)] {
        let kind: [(DataKey, JSONNode)] = [(.tokenizer, .string(self.kind.rawValue))]
        switch self {
        case .character: return kind
        case .bpe(let size): return kind + [(.vocabularySize, .integer(size))]
        case .pretrained(let path): return kind + [(.tokenizerPath, .string(path))]
        }
    }
}

extension LabelColumn {
    fileprivate var tree: JSONNode {
        switch self {
        case .first: .string("first")
        case .last: .string("last")
        case .index(let index): .integer(index)
        case .name(let name): .string(name)
        }
    }
}

extension HeaderChoice {
    fileprivate var tree: JSONNode {
        switch self {
        case .auto: .string("auto")
        case .present: .bool(true)
        case .absent: .bool(false)
        }
    }
}

extension ImageShape {
    fileprivate var tree: JSONNode {
        section([
            (ImageKey.height, .integer(height)), (.width, .integer(width)),
            (.channels, .integer(channels)),
        ])
    }
}

extension OptimizerConfig {
    fileprivate var tree: JSONNode {
        var members: [(OptimizerKey, JSONNode)] = [
            (.type, .string(type.rawValue)), (.learningRate, .number(learningRate)),
        ]
        if type == .sgd {
            members += [(.momentum, .number(momentum)), (.nesterov, .bool(nesterov))]
        } else {
            members += [
                (.betas, .array([.number(beta1), .number(beta2)])), (.eps, .number(epsilon)),
                (.biasCorrection, .bool(biasCorrection)),
            ]
        }
        if type != .adam {
            members += [
                (.weightDecay, .number(weightDecay)), (.decay, .string(decayed.rawValue)),
            ]
        }
        members += [
            (.clipNorm, clipNorm.map(JSONNode.number) ?? .null), (.schedule, schedule.tree),
        ]
        return section(members)
    }
}

extension ScheduleConfig {
    fileprivate var tree: JSONNode {
        var members: [(ScheduleKey, JSONNode)] = [
            (.type, .string(type.rawValue)), (.warmupSteps, .integer(warmupSteps)),
        ]
        if type != .constant { members.append((.end, .number(end))) }
        if type == .wsd { members.append((.decaySteps, optional(decaySteps))) }
        return section(members)
    }
}

extension TrainingConfig {
    fileprivate var tree: JSONNode {
        section([
            (TrainingKey.steps, optional(steps)), (.epochs, optional(epochs)),
            (.globalBatchSize, .integer(globalBatchSize)),
            (.microBatchSize, optional(microBatchSize)),
            (.precision, .string(precision.rawValue)),
            (.maxSeconds, maxSeconds.map(JSONNode.number) ?? .null),
            (.onNaN, .string(onNaN.rawValue)),
            (.spikeZScore, spikeZScore.map(JSONNode.number) ?? .null),
            (.spikeWindow, .integer(spikeWindow)), (.onSpike, .string(onSpike.rawValue)),
            (.finalWeights, .string(finalWeights.rawValue)),
            (.gradientCheckpointing, .bool(gradientCheckpointing)),
        ])
    }
}

extension DistributedConfig {
    fileprivate var tree: JSONNode {
        section([
            (DistributedKey.transport, .string(transport.rawValue)),
            (.encryption, .string(encryption.rawValue)),
            (.interface, interface.map(JSONNode.string) ?? .null),
            (.sharedMemory, .string(sharedMemory.rawValue)),
            (.bucketMegabytes, .number(bucketMegabytes)),
            (.firstBucketMegabytes, .number(firstBucketMegabytes)),
            (.reduction, .string(reduction.rawValue)),
            (.compression, .string(compression.rawValue)),
            (.timeoutSeconds, .number(timeoutSeconds)),
            (.startupTimeoutSeconds, .number(startupTimeoutSeconds)),
            (.rendezvousSeconds, .number(rendezvousSeconds)),
            (.shardedOptimizer, shardedOptimizer.map(JSONNode.bool) ?? .null),
            (.checkReplicasEvery, .integer(checkReplicasEvery)),
        ])
    }
}

extension CheckpointConfig {
    fileprivate var tree: JSONNode {
        section([
            (CheckpointKey.everySteps, optional(everySteps)), (.keepLast, .integer(keepLast)),
            (.keepEvery, optional(keepEvery)), (.keepBest, .integer(keepBest)),
            (.onError, .string(onError.rawValue)),
        ])
    }
}

extension EvaluationConfig {
    fileprivate func tree(answers: Bool) -> JSONNode {
        var members: [(EvaluationKey, JSONNode)] = [
            (.everySteps, optional(everySteps)), (.batchSize, .integer(batchSize)),
            (.metric, .string(metric.rawValue)), (.patience, optional(patience)),
            (.minDelta, .number(minDelta)),
        ]
        if answers {
            members += [
                (.prompts, .array(prompts.map(JSONNode.string))),
                (.maxTokens, .integer(maxTokens)),
            ]
        }
        return section(members)
    }
}

extension MetricsConfig {
    fileprivate var tree: JSONNode {
        section([(MetricsKey.everySteps, .integer(everySteps))])
    }
}
