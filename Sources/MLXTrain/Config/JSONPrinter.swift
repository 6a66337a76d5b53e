extension JSONNode {
    /// The value as JSON text: objects and nested lists one entry a line, flat lists on one line.
    ///
    /// - Parameter indent: the spaces before the lines after the first.
    package func prettyPrinted(indent: Int = 0) -> String {
        switch value {
        case .object(let members) where !members.isEmpty:
            let inner = String(repeating: " ", count: indent + 2)
            let lines = members.map { member in
                let text = member.node.prettyPrinted(indent: indent + 2)
                return "\(inner)\(JSONNode.quoted(member.key)): \(text)"
            }
            let close = String(repeating: " ", count: indent)
            return "{\n" + lines.joined(separator: ",\n") + "\n\(close)}"
        default:
            return compact
        }
    }

    /// The value as JSON text on one line.
    package var compact: String {
        switch value {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .number(let text): return text
        case .string(let text): return JSONNode.quoted(text)
        case .array(let nodes):
            return "[" + nodes.map(\.compact).joined(separator: ", ") + "]"
        case .object(let members):
            let parts = members.map { "\(JSONNode.quoted($0.key)): \($0.node.compact)" }
            return "{" + parts.joined(separator: ", ") + "}"
        }
    }

    /// A string in JSON's quotes, with its escapes.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
