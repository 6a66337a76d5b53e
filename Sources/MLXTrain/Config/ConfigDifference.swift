/// A key whose value differs between the job of a checkpoint and the job that goes on from it.
public struct ConfigDifference: Equatable, Sendable, CustomStringConvertible {
    /// What a resume does about a difference.
    public enum Kind: Equatable, Sendable {
        /// The run goes on with the new value.
        case allowed
        /// The checkpoint is of another model: exit status 65.
        case model
        /// The run would no longer be the same: exit status 64 unless the user allows it.
        case other

        /// The exit status of a refusal; `nil` where the run goes on.
        public var exitStatus: Int32? {
            switch self {
            case .allowed: nil
            case .model: 65
            case .other: 64
            }
        }
    }

    /// What a resume does about it.
    public var kind: Kind
    /// The key's path, as in `optimizer.learning_rate`.
    public var path: String
    /// The checkpoint's value as JSON text; `nil` if it has no such key.
    public var old: String?
    /// The job's value as JSON text; `nil` if it has no such key.
    public var new: String?

    /// The key and its two values in words.
    public var description: String {
        "\(path) was \(old ?? "absent"), is now \(new ?? "absent")"
    }
}

extension TrainConfig {
    /// The keys in which this job differs from the one a checkpoint was written by, in the order
    /// of `resolvedJSON()`.
    public func differences(from old: TrainConfig) -> [ConfigDifference] {
        let before = old.resolvedTree.leaves(under: "")
        let after = resolvedTree.leaves(under: "")
        let gone = before.filter { leaf in !after.contains { $0.path == leaf.path } }
        return (after + gone).compactMap { leaf in
            let oldText = before.first { $0.path == leaf.path }?.text
            let newText = after.first { $0.path == leaf.path }?.text
            guard oldText != newText else { return nil }
            return ConfigDifference(
                kind: TrainConfig.kind(of: leaf.path), path: leaf.path, old: oldText, new: newText)
        }
    }

    private static func kind(of path: String) -> ConfigDifference.Kind {
        let freeTraining: [TrainingKey] = [
            .steps, .epochs, .maxSeconds, .onNaN, .spikeZScore, .spikeWindow, .onSpike,
            .finalWeights, .gradientCheckpointing,
        ]
        let freeKeys = [JobKey.name.path] + freeTraining.map(\.path)
        let freeSections: [JobKey] = [.checkpoint, .evaluation, .metrics, .distributed]
        if freeKeys.contains(path) { return .allowed }
        if freeSections.contains(where: { path.hasPrefix($0.path + ".") }) { return .allowed }
        // The same model may lie elsewhere: its arrays tell.
        if path == ModelKey.path.path || path == AdapterKey.path.path { return .other }
        let ofModel = [JobKey.model, .adapter].contains { path.hasPrefix($0.path + ".") }
        return ofModel ? .model : .other
    }
}

extension JSONNode {
    /// The values that are not objects, each with its path.
    fileprivate func leaves(under path: String) -> [(path: String, text: String)] {
        guard case .object(let members) = value else { return [(path, compact)] }
        return members.flatMap { member in
            member.node.leaves(under: path.isEmpty ? member.key : "\(path).\(member.key)")
        }
    }
}
