/// Files that list hosts: those of Open MPI and DeepSpeed, one host a line, and mlx.launch's JSON.
package enum Hostfile {
    /// Reads a hostfile of any of these kinds.
    package static func read(_ path: String) throws(LaunchError) -> [Host] {
        try parse(String(decoding: try fileBytes(path), as: UTF8.self), source: path)
    }

    /// Reads the text of a hostfile; `source` names it in errors.
    package static func parse(_ text: String, source: String) throws(LaunchError) -> [Host] {
        let hosts =
            switch text.first(where: { !$0.isWhitespace }) {
            case "[", "{": try HostfileJSON.parse(text, source: source)
            default: try parseLines(text, source: source)
            }
        guard !hosts.isEmpty else {
            throw .hosts(source: source, line: nil, reason: "the file names no host")
        }
        return hosts
    }

    /// `HOST [slots=N] [max_slots=M]` a line; `#` begins a comment.
    private static func parseLines(_ text: String, source: String) throws(LaunchError) -> [Host] {
        var list = HostList()
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated() {
            let words = line.prefix { $0 != "#" }.split { $0.isWhitespace }
            guard !words.isEmpty else { continue }
            do throws(Fault) {
                list.add(try host(words))
            } catch {
                throw .hosts(source: source, line: index + 1, reason: error.reason)
            }
        }
        return list.hosts
    }

    private struct Fault: Error {
        let reason: String
    }

    private static func host(_ words: [Substring]) throws(Fault) -> Host {
        if let fault = Host.fault(inName: words[0]) { throw Fault(reason: fault) }
        var host = Host(String(words[0]), slots: 1)
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Fault(reason: "expected slots=N after the host, found '\(word)'")
            }
            guard let number = Int(parts[1]), number > 0 else {
                throw Fault(reason: "'\(parts[1])' in '\(word)' is not a number above 0")
            }
            switch parts[0] {
            case "slots", "count", "cpu": host.slots = number
            case "max_slots", "max-slots", "slots_max": host.maxSlots = number
            default:
                throw Fault(reason: "unknown key '\(parts[0])'; known are slots and max_slots")
            }
        }
        if let limit = host.maxSlots, limit < host.slots {
            throw Fault(reason: "max_slots=\(limit) is less than slots=\(host.slots)")
        }
        return host
    }
}
