/// The methods of strings, lists and dicts.
enum TemplateMethods {
    private static let stringNames: Set<String> = [
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith",
        "replace", "upper", "lower", "title", "capitalize", "find", "rfind", "index", "count",
        "join", "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "removeprefix",
        "removesuffix", "partition", "rpartition", "swapcase", "casefold", "zfill", "ljust",
        "rjust", "isnumeric", "isdecimal",
    ]
    private static let listNames: Set<String> = ["index", "count", "append", "extend", "insert"]
    private static let objectNames: Set<String> = ["items", "keys", "values", "get", "copy"]

    static func names(of value: TemplateValue) -> Set<String> {
        switch value {
        case .string: stringNames
        case .list, .tuple: listNames
        case .object: objectNames
        default: []
        }
    }

    /// The result of a method; nil where the value has none of this name.
    static func call(
        _ name: String, on value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue? {
        guard names(of: value).contains(name) else { return nil }
        switch value {
        case .string(let text): return try string(name, text, call)
        case .list(let items), .tuple(let items): return try list(name, items, call)
        case .object(let members): return object(name, value, members, call)
        default: return nil
        }
    }

    private static func text(
        _ call: TemplateCall, _ index: Int, _ name: String
    ) throws(TemplateFailure) -> String? {
        switch call.argument(index, name) {
        case nil, .null: return nil
        case .string(let text): return text
        case .undefined(let reason): throw .init(reason)
        case .some(let other): throw .init("'\(name)' must be a string, not \(other.typeName)")
        }
    }

    private static func needed(
        _ call: TemplateCall, _ index: Int, _ name: String
    ) throws(TemplateFailure) -> String {
        guard let text = try text(call, index, name) else { throw .init("'\(name)' is missing") }
        return text
    }

    private static func number(
        _ call: TemplateCall, _ index: Int, _ name: String, or preset: Int
    ) throws(TemplateFailure) -> Int {
        switch call.argument(index, name)?.asInt {
        case nil: return preset
        case .int(let number): return number
        case .some(let other): throw .init("'\(name)' must be an integer, not \(other.typeName)")
        }
    }

    private static func string(
        _ name: String, _ text: String, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        switch name {
        case "strip", "lstrip", "rstrip":
            let characters = try self.text(call, 0, "chars")
            return .string(
                PythonString.strip(
                    text, characters, left: name != "rstrip", right: name != "lstrip"))
        case "split", "rsplit":
            let separator = try self.text(call, 0, "sep")
            guard separator != "" else { throw .init("empty separator") }
            let most = try number(call, 1, "maxsplit", or: -1)
            let parts =
                name == "split"
                ? PythonString.split(text, separator, most)
                : PythonString.splitRight(text, separator, most)
            return .list(parts.map { .string($0) })
        case "splitlines":
            let keeps = call.argument(0, "keepends")?.isTrue ?? false
            return .list(PythonString.lines(text, keepsEnds: keeps).map { .string($0) })
        case "startswith", "endswith": return .bool(try frames(name, text, call))
        case "replace":
            let old = try needed(call, 0, "old")
            let new = try needed(call, 1, "new")
            let count = try number(call, 2, "count", or: -1)
            return .string(PythonString.replace(text, old, new, count))
        case "removeprefix", "removesuffix":
            let part = try needed(call, 0, "prefix")
            return .string(removed(part, from: text, atEnd: name == "removesuffix"))
        case "join":
            let items = try TemplateEvaluator.items(call.positional.first ?? .null)
            return .string(try joined(items, text))
        case "find", "rfind", "index", "count": return try search(name, text, call)
        case "partition", "rpartition": return try partition(name, text, call)
        case "zfill", "ljust", "rjust": return try padded(name, text, call)
        default: return cased(name, text)
        }
    }

    private static func joined(
        _ items: [TemplateValue], _ separator: String
    ) throws(TemplateFailure) -> String {
        var parts: [String] = []
        for item in items {
            guard case .string(let part) = item else {
                throw .init("join takes strings, not \(item.typeName)")
            }
            parts.append(part)
        }
        return parts.joined(separator: separator)
    }

    private static func cased(_ name: String, _ text: String) -> TemplateValue {
        switch name {
        case "upper": return .string(PythonString.upper(text))
        case "lower", "casefold": return .string(PythonString.lower(text))
        case "title": return .string(PythonString.title(text))
        case "capitalize": return .string(PythonString.capitalize(text))
        case "swapcase":
            let parts = text.unicodeScalars.map { scalar in
                scalar.properties.isUppercase
                    ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
            }
            return .string(parts.joined())
        case "isspace": return .bool(PythonString.all(text, PythonString.isSpace))
        case "isupper", "islower":
            let cased = text.unicodeScalars.filter(\.properties.isCased)
            let isUpper = name == "isupper"
            return .bool(
                !cased.isEmpty
                    && cased.allSatisfy {
                        isUpper ? $0.properties.isUppercase : $0.properties.isLowercase
                    })
        default: return .bool(PythonString.all(text) { belongs($0, to: name) })
        }
    }

    private static func belongs(_ scalar: Unicode.Scalar, to name: String) -> Bool {
        let kind = CharacterTable.shared[scalar.value]
        let type = scalar.properties.numericType
        switch name {
        case "isalpha": return kind.isIn(.letters)
        case "isdecimal": return type == .decimal
        case "isdigit": return type == .decimal || type == .digit
        case "isnumeric": return type != nil
        default: return kind.isIn(.letters) || type != nil
        }
    }

    private static func frames(
        _ name: String, _ text: String, _ call: TemplateCall
    ) throws(TemplateFailure) -> Bool {
        let choices: [TemplateValue] =
            if case .tuple(let items) = call.positional.first { items } else { call.positional }
        guard !choices.isEmpty else { throw .init("\(name) takes a string") }
        for choice in choices {
            guard case .string(let part) = choice else {
                throw .init("\(name) takes a string, not \(choice.typeName)")
            }
            let found =
                name == "startswith"
                ? text.utf8.starts(with: part.utf8)
                : text.utf8.reversed().starts(with: part.utf8.reversed())
            if found { return true }
        }
        return false
    }

    private static func removed(_ part: String, from text: String, atEnd: Bool) -> String {
        let bytes = Array(text.utf8)
        let count = part.utf8.count
        if atEnd {
            guard bytes.suffix(count).elementsEqual(part.utf8) else { return text }
            return String(decoding: bytes.dropLast(count), as: UTF8.self)
        }
        guard bytes.starts(with: part.utf8) else { return text }
        return String(decoding: bytes.dropFirst(count), as: UTF8.self)
    }

    private static func search(
        _ name: String, _ text: String, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        let bytes = Array(text.utf8)
        let part = Array(try needed(call, 0, "sub").utf8)
        var places: [Int] = []
        var start = 0
        while let place = PythonString.find(part, in: bytes, from: start) {
            places.append(place)
            start = place + (name == "count" || name == "find" ? max(part.count, 1) : 1)
            if name == "find" || name == "index" { break }
        }
        if name == "count" { return .int(places.count) }
        guard let place = name == "rfind" ? places.last : places.first else {
            if name == "index" { throw .init("substring not found") }
            return .int(-1)
        }
        return .int(bytes[..<place].count { $0 & 0xC0 != 0x80 })
    }

    private static func partition(
        _ name: String, _ text: String, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        let separator = try needed(call, 0, "sep")
        guard !separator.isEmpty else { throw .init("empty separator") }
        let isRight = name == "rpartition"
        let parts =
            isRight
            ? PythonString.splitRight(text, separator, 1) : PythonString.split(text, separator, 1)
        if parts.count == 2 {
            return .tuple([.string(parts[0]), .string(separator), .string(parts[1])])
        }
        let rest: [TemplateValue] = [.string(""), .string("")]
        return .tuple(isRight ? rest + [.string(text)] : [.string(text)] + rest)
    }

    private static func padded(
        _ name: String, _ text: String, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        let width = min(try number(call, 0, "width", or: 0), 1 << 20)
        let fill = name == "zfill" ? "0" : try self.text(call, 1, "fillchar") ?? " "
        let missing = max(width - text.unicodeScalars.count, 0)
        let padding = String(repeating: fill, count: missing)
        if name == "ljust" { return .string(text + padding) }
        let isSigned = name == "zfill" && (text.hasPrefix("-") || text.hasPrefix("+"))
        return .string(
            isSigned ? String(text.prefix(1)) + padding + text.dropFirst() : padding + text)
    }

    private static func list(
        _ name: String, _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        guard name == "index" || name == "count" else {
            throw .init("a template may not change lists: '\(name)' is refused")
        }
        let wanted = call.positional.first ?? .null
        if name == "count" { return .int(items.count { $0.equals(wanted) }) }
        guard let index = items.firstIndex(where: { $0.equals(wanted) }) else {
            throw .init("\(PythonText.written(wanted)) is not in list")
        }
        return .int(index)
    }

    private static func object(
        _ name: String, _ value: TemplateValue,
        _ members: [(key: TemplateValue, value: TemplateValue)], _ call: TemplateCall
    ) -> TemplateValue {
        switch name {
        case "items": .list(members.map { .tuple([$0.key, $0.value]) })
        case "keys": .list(members.map(\.key))
        case "values": .list(members.map(\.value))
        case "get":
            value.member(call.positional.first ?? .null) ?? call.argument(1, "default") ?? .null
        default: value
        }
    }
}
