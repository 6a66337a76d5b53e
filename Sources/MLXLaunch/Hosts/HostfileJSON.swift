import Foundation

/// The hostfiles of mlx.launch: a list of hosts, or an object with the list under `hosts`; each
/// entry is one rank.
enum HostfileJSON {
    private struct Entry: Decodable {
        let ssh: String?
        let ips: [String]?
    }

    private struct Envelope: Decodable {
        let hosts: [Entry]
    }

    static func parse(_ text: String, source: String) throws(LaunchError) -> [Host] {
        var list = HostList()
        for (index, entry) in try entries(text, source).enumerated() {
            let line = line(ofEntry: index, in: text)
            guard let name = entry.ssh else {
                throw .hosts(
                    source: source, line: line, reason: "entry \(index + 1) has no \"ssh\"")
            }
            for text in [name, entry.ips?.first].compactMap({ $0 }) {
                if let fault = Host.fault(inName: text) {
                    throw .hosts(source: source, line: line, reason: fault)
                }
            }
            list.add(Host(name, slots: 1, address: entry.ips?.first))
        }
        return list.hosts
    }

    private static func entries(_ text: String, _ source: String) throws(LaunchError) -> [Entry] {
        let data = Data(text.utf8)
        do {
            if text.first(where: { !$0.isWhitespace }) == "[" {
                return try JSONDecoder().decode([Entry].self, from: data)
            }
            return try JSONDecoder().decode(Envelope.self, from: data).hosts
        } catch DecodingError.typeMismatch(_, let context) {
            throw wrongType(context, text, source)
        } catch DecodingError.keyNotFound {
            throw .hosts(source: source, line: 1, reason: "the object has no list \"hosts\"")
        } catch DecodingError.valueNotFound(_, let context) {
            throw wrongType(context, text, source)
        } catch DecodingError.dataCorrupted(let context) {
            let (line, words) = syntaxFault(context, text)
            throw .hosts(source: source, line: line, reason: words)
        } catch {
            throw .hosts(source: source, line: nil, reason: "not valid JSON: \(error)")
        }
    }

    private static func wrongType(
        _ context: DecodingError.Context, _ text: String, _ source: String
    ) -> LaunchError {
        let index = context.codingPath.lazy.compactMap(\.intValue).first
        let key = context.codingPath.last { $0.intValue == nil }?.stringValue
        let place = index.map { "entry \($0 + 1)" } ?? "the file"
        return .hosts(
            source: source, line: index.map { line(ofEntry: $0, in: text) } ?? 1,
            reason: "\(place) has a value of a wrong type\(key.map { " in \"\($0)\"" } ?? "")")
    }

    /// Foundation tells the place of a fault in words only: "… around line 3, column 5."
    private static func syntaxFault(
        _ context: DecodingError.Context, _ text: String
    ) -> (line: Int, words: String) {
        let error = context.underlyingError as NSError?
        let words =
            (error?.userInfo[NSDebugDescriptionErrorKey] as? String) ?? context.debugDescription
        let after = words.components(separatedBy: "line ").last ?? ""
        let last = text.split(omittingEmptySubsequences: false) { $0.isNewline }.count
        let cause = words.components(separatedBy: " around line").first ?? words
        let reason = error == nil ? "not valid JSON" : "not valid JSON: \(cause)"
        return (Int(after.prefix { $0.isNumber }) ?? last, reason)
    }

    /// The line on which an entry of the list of hosts begins.
    private static func line(ofEntry wanted: Int, in text: String) -> Int {
        var (line, depth, listDepth, count) = (1, 0, 0, 0)
        var (isInString, isEscaped) = (false, false)
        for character in text {
            if character.isNewline { line += 1 }
            if isInString {
                if character == "\"" && !isEscaped { isInString = false }
                isEscaped = character == "\\" && !isEscaped
                continue
            }
            switch character {
            case "\"": isInString = true
            case "[":
                depth += 1
                if listDepth == 0 { listDepth = depth }
            case "{":
                if depth == listDepth, listDepth > 0 {
                    if count == wanted { return line }
                    count += 1
                }
                depth += 1
            case "]", "}": depth -= 1
            default: break
            }
        }
        return line
    }
}
