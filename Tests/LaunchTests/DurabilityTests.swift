import Foundation
import Testing

extension LaunchTests {
    @Suite("What a checkpoint asks of the system")
    struct Durability {
        @Test(.enabled(if: Strace.works, "needs strace and the right to trace a process"))
        func `is each file forced to the device, the folder, the rename, then the folder above`()
            throws
        {
            let run = try TrainingRun.steps(14)
            let record = run.folder / "calls"
            let options = ["-f", "-y", "-qq", "-e", "trace=/^(openat|write|fsync|rename|unlink)"]
            let outcome = try RunningProcess(
                ["strace"] + options + ["-o", record, TrainCommand.program] + run.arguments()
            ).wait()
            #expect(outcome.status == 0, "\(outcome.errors)")

            let calls = try Strace.calls(record)
            for step in [7, 14] {
                let target = run.checkpoint(step)
                let order = calls.compactMap { Strace.event($0, of: target) }
                let files = ["model.safetensors", "optimizer.safetensors", "state.json"]
                let writes = (files + ["manifest.json"]).flatMap {
                    ["create \($0)", "write \($0)", "fsync \($0)"]
                }
                #expect(Strace.firsts(order).filter(writes.contains) == writes, "\(order)")
                // Once the manifest is on the device only the folder moves.
                let last = try #require(order.lastIndex(of: "fsync manifest.json"))
                #expect(
                    order[last...].prefix(4).dropFirst() == [
                        "fsync folder", "rename", "fsync parent",
                    ],
                    "\(order)")
                #expect(order[last...].dropFirst(4).allSatisfy { $0 == "fsync parent" })
            }
        }
    }
}

/// The record of a process's system calls.
enum Strace {
    /// Whether strace is here and may trace a process of this user.
    static let works: Bool = {
        let outcome = try? RunningProcess(["strace", "-qq", "-o", "/dev/null", "true"]).wait()
        return outcome?.status == 0
    }()

    /// The calls in their order, each on one line.
    static func calls(_ path: String) throws -> [String] {
        var open: [Substring: String] = [:]
        var calls: [String] = []
        for line in try Disk.text(path).split(separator: "\n") {
            let thread = line.prefix { $0 != " " }
            let text = line.dropFirst(thread.count).drop { $0 == " " }
            if let cut = text.range(of: " <unfinished ...>") {
                open[thread] = String(text[..<cut.lowerBound])
            } else if text.hasPrefix("<... "), let end = text.range(of: "resumed>") {
                calls.append((open.removeValue(forKey: thread) ?? "") + text[end.upperBound...])
            } else {
                calls.append(String(text))
            }
        }
        return calls
    }

    /// What a call does to the checkpoint at `target`: `write NAME`, `fsync folder`, `rename` …
    static func event(_ call: String, of target: String) -> String? {
        let name = call.prefix { $0 != "(" }
        let temporary = target + ".tmp-"
        if name.hasPrefix("rename") {
            return call.contains("\"\(target)\"") && call.contains(temporary) ? "rename" : nil
        }
        if name == "fsync", call.contains("<\(Files.parent(target))>") { return "fsync parent" }
        guard let start = call.range(of: temporary) else { return nil }
        let rest = call[start.upperBound...].drop(while: \.isNumber)
        let file = rest.dropFirst().prefix { $0 != ">" && $0 != "\"" }
        switch name {
        case "openat": return call.contains("O_CREAT") ? "create \(file)" : nil
        case "fsync": return rest.hasPrefix("/") ? "fsync \(file)" : "fsync folder"
        case "write": return "write \(file)"
        default: return nil
        }
    }

    /// The events in the order in which each came first.
    static func firsts(_ events: [String]) -> [String] {
        var seen: Set<String> = []
        return events.filter { seen.insert($0).inserted }
    }
}

/// What tests know of paths.
private enum Files {
    static func parent(_ path: String) -> String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path
    }
}
