/// What may stand behind a bar.
enum TemplateFilters {
    static let names: Set<String> = [
        "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first",
        "float", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list",
        "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round",
        "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim",
        "truncate", "unique", "upper", "wordcount",
    ]

    static func apply(
        _ name: String, _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        switch name {
        case "default", "d":
            let isMissing =
                value.isUndefined || call.argument(1, "boolean")?.isTrue == true && !value.isTrue
            return isMissing ? call.argument(0, "default_value") ?? .string("") : value
        case "string": return .string(PythonText.text(value))
        case "safe": return value
        case "tojson": return .string(try json(call).text(value))
        case "items": return try items(value)
        case "length", "count": return .int(try length(value))
        case "abs", "int", "float", "round": return try number(name, value, call)
        case "upper", "lower", "title", "capitalize", "trim", "replace", "indent", "escape", "e",
            "wordcount", "truncate", "format":
            return try text(name, value, call)
        default: return try TemplateFilters.sequence(name, value, call)
        }
    }

    private static func json(_ call: TemplateCall) throws(TemplateFailure) -> PythonJSON {
        var json = PythonJSON()
        json.keepsUnicode = !(call.argument(0, "ensure_ascii")?.isTrue ?? false)
        switch call.argument(1, "indent") {
        case .int(let count): json.indent = String(repeating: " ", count: max(0, min(count, 64)))
        case .string(let text): json.indent = text
        default: break
        }
        if json.indent != nil { json.itemSeparator = "," }
        switch call.argument(2, "separators") {
        case .tuple(let parts), .list(let parts):
            guard parts.count == 2 else { throw .init("separators are two strings") }
            json.itemSeparator = PythonText.text(parts[0])
            json.keySeparator = PythonText.text(parts[1])
        default: break
        }
        json.sortsKeys = call.argument(3, "sort_keys")?.isTrue ?? false
        return json
    }

    private static func items(_ value: TemplateValue) throws(TemplateFailure) -> TemplateValue {
        switch value {
        case .object(let members): return .list(members.map { .tuple([$0.key, $0.value]) })
        case .undefined: return .list([])
        default: throw .init("can only get item pairs from a mapping, not \(value.typeName)")
        }
    }

    private static func length(_ value: TemplateValue) throws(TemplateFailure) -> Int {
        switch value {
        case .string(let text): text.unicodeScalars.count
        case .list(let items), .tuple(let items): items.count
        case .object(let members): members.count
        case .undefined: 0
        case .loop(let loop): loop.items.count
        default: throw .init("object of type '\(value.typeName)' has no length")
        }
    }

    private static func number(
        _ name: String, _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        switch name {
        case "int":
            if case .int(let number) = value.asInt { return .int(number) }
            let written = PythonString.strip(PythonText.text(value), nil, left: true, right: true)
            if case .string = value, let number = Int(written) { return .int(number) }
            if let number = value.number ?? Double(written),
                let whole = Int(exactly: number.rounded(.towardZero))
            {
                return .int(whole)
            }
            return call.argument(0, "default") ?? .int(0)
        case "float":
            let written = PythonString.strip(PythonText.text(value), nil, left: true, right: true)
            if let number = value.number ?? Double(written) { return .double(number) }
            return call.argument(0, "default") ?? .double(0)
        case "abs":
            if case .int(let number) = value.asInt, number != .min { return .int(abs(number)) }
            if let number = value.number { return .double(abs(number)) }
            throw .init("abs takes a number, not \(value.typeName)")
        default:
            guard let number = value.number else {
                throw .init("round takes a number, not \(value.typeName)")
            }
            guard case .int(let digits) = call.argument(0, "precision") ?? .int(0) else {
                throw .init("round's precision is an integer")
            }
            switch PythonText.text(call.argument(1, "method") ?? .string("common")) {
            case "ceil", "floor":
                let isUp = PythonText.text(call.argument(1, "method") ?? .null) == "ceil"
                let scale = PythonNumber.power(10, Double(digits))
                return .double((number * scale).rounded(isUp ? .up : .down) / scale)
            default: return .double(PythonNumber.rounded(number, digits))
            }
        }
    }

    private static func text(
        _ name: String, _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        let text = PythonText.text(value)
        switch name {
        case "upper": return .string(PythonString.upper(text))
        case "lower": return .string(PythonString.lower(text))
        case "title": return .string(PythonString.title(text))
        case "capitalize": return .string(PythonString.capitalize(text))
        case "wordcount": return .int(PythonString.split(text, nil, -1).count)
        case "trim", "replace":
            let method = name == "trim" ? "strip" : "replace"
            return try TemplateMethods.call(method, on: .string(text), call) ?? .string(text)
        case "escape", "e":
            let rules = [
                ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;"),
            ]
            return .string(rules.reduce(text) { PythonString.replace($0, $1.0, $1.1, -1) })
        case "format": return try PythonString.formatted(text, .tuple(call.positional))
        case "truncate": return .string(try truncated(text, call))
        default: return .string(try indented(text, call))
        }
    }

    private static func truncated(
        _ text: String, _ call: TemplateCall
    ) throws(TemplateFailure) -> String {
        guard case .int(let length) = call.argument(0, "length") ?? .int(255),
            case .int(let leeway) = call.argument(3, "leeway") ?? .int(5)
        else { throw .init("truncate's length is an integer") }
        let end = PythonText.text(call.argument(2, "end") ?? .string("..."))
        let scalars = Array(text.unicodeScalars)
        guard scalars.count > length + leeway else { return text }
        let kept = PythonString.string(scalars.prefix(max(0, length - end.unicodeScalars.count)))
        if call.argument(1, "killwords")?.isTrue == true { return kept + end }
        return (PythonString.splitRight(kept, " ", 1).first ?? "") + end
    }

    private static func indented(
        _ text: String, _ call: TemplateCall
    ) throws(TemplateFailure) -> String {
        let margin: String
        switch call.argument(0, "width") ?? .int(4) {
        case .int(let width): margin = String(repeating: " ", count: max(0, min(width, 1 << 16)))
        case .string(let given): margin = given
        case let other: throw .init("indent's width is a number or a string, not \(other.typeName)")
        }
        let first = call.argument(1, "first")?.isTrue ?? false
        let blank = call.argument(2, "blank")?.isTrue ?? false
        let lines = PythonString.lines(text + "\n", keepsEnds: false)
        let rest = lines.dropFirst().map { $0.isEmpty && !blank ? $0 : margin + $0 }
        return (first ? margin : "") + ([lines.first ?? ""] + rest).joined(separator: "\n")
    }
}
