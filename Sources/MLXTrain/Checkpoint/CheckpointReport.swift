/// Checkpoints in words: a table for a person, or one JSON object.
package struct CheckpointReport {
    private let entries: [CheckpointArchive.Entry]
    private let verified: Bool

    /// A report on checkpoints; `verified`: every byte of them was compared with its digest.
    package init(entries: [CheckpointArchive.Entry], verified: Bool) {
        self.entries = entries
        self.verified = verified
    }

    /// A line a checkpoint, in columns.
    package var table: String {
        guard !entries.isEmpty else { return "no checkpoints\n" }
        let head = ["checkpoint", "epoch", "size", "processes", "written", "evaluation", "state"]
        return CheckpointReport.columns([head] + entries.map(row))
    }

    /// One object with a list of all checkpoints.
    package var json: String {
        CheckpointReport.text([("checkpoints", .array(entries.map(tree)))])
    }

    private func row(_ entry: CheckpointArchive.Entry) -> [String] {
        let evaluation = entry.evaluation.map { found in
            let metric = entry.state?.evaluations.metric.rawValue ?? ""
            return "\(metric) \(ProgressDisplay.rounded(found.value))"
        }
        let state =
            entry.refusal.map { "damaged: \($0.file) \($0.reason)" }
            ?? (verified ? "good" : "complete")
        return [
            entry.name, entry.epoch.map(ProgressDisplay.rounded) ?? "-",
            entry.bytes.map(CheckpointReport.size) ?? "-",
            entry.state.map { "\($0.worldSize)" } ?? "-", entry.time ?? "-", evaluation ?? "-",
            state,
        ]
    }

    private func tree(_ entry: CheckpointArchive.Entry) -> JSONNode {
        func integer(_ value: Int?) -> JSONNode { value.map { .integer($0) } ?? .null }
        func text(_ value: String?) -> JSONNode { value.map { .string($0) } ?? .null }
        let files = entry.manifest?.files.map { file in
            JSONNode.object([
                ("name", .string(file.name)), ("bytes", .integer(file.bytes)),
                ("sha256", .string(file.sha256)),
            ])
        }
        return .object([
            ("name", .string(entry.name)), ("path", .string(entry.path)),
            ("step", integer(entry.step)),
            ("epoch", entry.epoch.map { .number($0) } ?? .null),
            ("bytes", integer(entry.bytes)), ("world_size", integer(entry.state?.worldSize)),
            ("time", text(entry.time)),
            (
                "metric",
                text(entry.evaluation == nil ? nil : entry.state?.evaluations.metric.rawValue)
            ),
            ("value", entry.evaluation.map { .number($0.value) } ?? .null),
            ("state", .string(entry.refusal != nil ? "damaged" : verified ? "good" : "complete")),
            ("file", text(entry.refusal?.file)), ("reason", text(entry.refusal?.reason)),
            ("files", .array(files ?? [])),
        ])
    }
}

extension CheckpointReport {
    /// What a pruning did, a line a checkpoint.
    package static func lines(_ pruning: CheckpointArchive.Pruning, dryRun: Bool) -> String {
        let verb = dryRun ? "would remove" : "removed"
        var lines = pruning.removed.map { "\(verb) \($0)" }
        lines += pruning.damaged.filter { !pruning.removed.contains($0.checkpoint) }
            .map { "damaged \($0.checkpoint): \($0.file) \($0.reason); remove it with --damaged" }
        lines.append("kept \(pruning.kept.isEmpty ? "none" : pruning.kept.joined(separator: ", "))")
        return lines.map { $0 + "\n" }.joined()
    }

    /// What a pruning did, as one object.
    package static func json(_ pruning: CheckpointArchive.Pruning, dryRun: Bool) -> String {
        let damaged = pruning.damaged.map { refused in
            JSONNode.object([
                ("name", .string(refused.checkpoint)), ("file", .string(refused.file)),
                ("reason", .string(refused.reason)),
            ])
        }
        return text([
            ("dry_run", .bool(dryRun)), ("removed", .array(pruning.removed.map(JSONNode.string))),
            ("kept", .array(pruning.kept.map(JSONNode.string))), ("damaged", .array(damaged)),
        ])
    }

    /// What was exported, as one object.
    package static func json(exported entry: CheckpointArchive.Entry, to folder: String) -> String {
        text([
            ("name", .string(entry.name)), ("step", entry.step.map { .integer($0) } ?? .null),
            ("output", .string(folder)),
        ])
    }

    private static func text(_ members: [(String, JSONNode)]) -> String {
        JSONNode.object(members).compact + "\n"
    }

    /// Rows with their cells one below the other; the last column runs free.
    private static func columns(_ rows: [[String]]) -> String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let line = (cells.dropLast() + row.suffix(1)).joined(separator: "  ")
            return line + "\n"
        }.joined()
    }

    /// Bytes as `1.5 MiB`.
    package static func size(_ bytes: Int) -> String {
        var (value, unit) = (Double(bytes), "bytes")
        for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
            (value, unit) = (value / 1024, next)
        }
        return unit == "bytes" ? "\(bytes) bytes" : "\((value * 10).rounded() / 10) \(unit)"
    }
}
