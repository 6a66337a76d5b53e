/// Values as Python writes them.
enum PythonText {
    /// `str(value)`.
    static func text(_ value: TemplateValue) -> String {
        switch value {
        case .string(let text): text
        case .undefined: ""
        default: written(value)
        }
    }

    /// `repr(value)`.
    static func written(_ value: TemplateValue) -> String {
        switch value {
        case .undefined: return "Undefined"
        case .null: return "None"
        case .bool(let value): return value ? "True" : "False"
        case .int(let value): return String(value)
        case .double(let value): return number(value)
        case .string(let text): return quoted(text)
        case .list(let items): return "[" + items.map(written).joined(separator: ", ") + "]"
        case .tuple(let items):
            let inner = items.map(written).joined(separator: ", ")
            return items.count == 1 ? "(\(inner),)" : "(\(inner))"
        case .object(let members):
            let inner = members.map { "\(written($0.key)): \(written($0.value))" }
            return "{" + inner.joined(separator: ", ") + "}"
        case .namespace(let namespace):
            return "<Namespace \(written(.object(namespace.members)))>"
        case .loop(let loop): return "<LoopContext \(loop.index + 1)/\(loop.items.count)>"
        case .function: return "<function>"
        }
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        return value.description
    }

    private static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
        var result = String.UnicodeScalarView()
        result.append(quote)
        for scalar in scalars {
            switch scalar {
            case "\\", quote:
                result.append("\\")
                result.append(scalar)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            default:
                if isPrintable(scalar) {
                    result.append(scalar)
                } else {
                    result.append(contentsOf: escaped(scalar).unicodeScalars)
                }
            }
        }
        result.append(quote)
        return String(result)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == " " { return true }
        let kind = CharacterTable.shared[scalar.value]
        return !kind.isIn(CharacterTable.Categories.others.union(.separators))
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        let value = scalar.value
        if value < 0x100 { return "\\x" + hexadecimal(value, 2) }
        return value < 0x10000 ? "\\u" + hexadecimal(value, 4) : "\\U" + hexadecimal(value, 8)
    }

    private static func hexadecimal(_ value: UInt32, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

/// JSON as Python's `json.dumps` writes it.
struct PythonJSON {
    var keepsUnicode = true
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false

    func text(_ value: TemplateValue) throws(TemplateFailure) -> String {
        var result = ""
        try write(value, 0, &result)
        return result
    }

    /// A value that can always be written.
    func text(_ value: OrderedJSON) -> String {
        var result = ""
        write(value, &result)
        return result
    }

    private func write(_ value: OrderedJSON, _ result: inout String) {
        switch value {
        case .null: result += "null"
        case .bool(let value): result += value ? "true" : "false"
        case .int(let value): result += String(value)
        case .double(let value): result += PythonJSON.number(value)
        case .string(let text): write(text, &result)
        case .array(let items):
            result += "["
            for (index, item) in items.enumerated() {
                if index > 0 { result += itemSeparator }
                write(item, &result)
            }
            result += "]"
        case .object(let members):
            result += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { result += itemSeparator }
                write(member.key, &result)
                result += keySeparator
                write(member.value, &result)
            }
            result += "}"
        }
    }

    private func write(
        _ value: TemplateValue, _ depth: Int, _ result: inout String
    ) throws(TemplateFailure) {
        switch value {
        case .null: result += "null"
        case .bool(let value): result += value ? "true" : "false"
        case .int(let value): result += String(value)
        case .double(let value): result += PythonJSON.number(value)
        case .string(let text): write(text, &result)
        case .list(let items), .tuple(let items):
            guard !items.isEmpty else {
                result += "[]"
                return
            }
            result += "["
            for (index, item) in items.enumerated() {
                separate(index, depth + 1, &result)
                try write(item, depth + 1, &result)
            }
            close("]", depth, &result)
        case .object(let members):
            guard !members.isEmpty else {
                result += "{}"
                return
            }
            result += "{"
            for (index, member) in try ordered(members).enumerated() {
                separate(index, depth + 1, &result)
                write(try PythonJSON.key(member.key), &result)
                result += keySeparator
                try write(member.value, depth + 1, &result)
            }
            close("}", depth, &result)
        case .undefined, .namespace, .loop, .function:
            throw .init("an object of type \(value.typeName) can't be written as JSON")
        }
    }

    private func ordered(
        _ members: [(key: TemplateValue, value: TemplateValue)]
    ) throws(TemplateFailure) -> [(key: TemplateValue, value: TemplateValue)] {
        sortsKeys ? members.sorted { ($0.key.order($1.key) ?? 0) < 0 } : members
    }

    private func separate(_ index: Int, _ depth: Int, _ result: inout String) {
        guard let indent else {
            result += index > 0 ? itemSeparator : ""
            return
        }
        if index > 0 { result += itemSeparator }
        result += "\n" + String(repeating: indent, count: depth)
    }

    private func close(_ bracket: String, _ depth: Int, _ result: inout String) {
        if let indent { result += "\n" + String(repeating: indent, count: depth) }
        result += bracket
    }

    private static func key(_ key: TemplateValue) throws(TemplateFailure) -> String {
        switch key {
        case .string(let text): text
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .double(let value): number(value)
        default: throw .init("keys of JSON are strings, not \(key.typeName)")
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return value.description
    }

    private func write(_ text: String, _ result: inout String) {
        var written = String.UnicodeScalarView()
        written.append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": written.append(contentsOf: "\\\"".unicodeScalars)
            case "\\": written.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": written.append(contentsOf: "\\n".unicodeScalars)
            case "\r": written.append(contentsOf: "\\r".unicodeScalars)
            case "\t": written.append(contentsOf: "\\t".unicodeScalars)
            case "\u{8}": written.append(contentsOf: "\\b".unicodeScalars)
            case "\u{C}": written.append(contentsOf: "\\f".unicodeScalars)
            default:
                if scalar.value < 0x20 || !keepsUnicode && scalar.value > 0x7E {
                    for unit in String(Character(scalar)).utf16 {
                        let digits = String(unit, radix: 16)
                        let zeros = String(repeating: "0", count: 4 - digits.count)
                        written.append(contentsOf: "\\u\(zeros)\(digits)".unicodeScalars)
                    }
                } else {
                    written.append(scalar)
                }
            }
        }
        written.append("\"")
        result += String(written)
    }
}
