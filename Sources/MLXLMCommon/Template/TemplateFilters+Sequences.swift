extension TemplateFilters {
    /// The filters of lists and the like.
    static func sequence(
        _ name: String, _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        guard names.contains(name) else { throw .init("no filter named '\(name)'") }
        if name == "reverse", case .string(let text) = value {
            return .string(PythonString.string(text.unicodeScalars.reversed()))
        }
        if name == "dictsort" { return try sortedMembers(value, call) }
        let items = try TemplateEvaluator.items(value)
        switch name {
        case "list": return .list(items)
        case "first": return items.first ?? .undefined("no first item, sequence was empty")
        case "last": return items.last ?? .undefined("no last item, sequence was empty")
        case "reverse": return .list(items.reversed())
        case "join": return .string(try joined(items, call))
        case "map": return .list(try mapped(items, call))
        case "select", "reject", "selectattr", "rejectattr":
            return .list(try selected(name, items, call))
        case "unique": return .list(try unique(items, call))
        case "sort": return .list(try sorted(items, call))
        case "min", "max": return try extreme(name, items, call)
        case "sum": return try sum(items, call)
        case "groupby": return try grouped(items, call)
        case "batch": return try batched(items, call)
        default: throw .init("no filter named '\(name)'")
        }
    }

    /// A part of an item, by a path such as `a.b.0`.
    private static func part(
        _ item: TemplateValue, _ path: TemplateValue?
    ) throws(TemplateFailure) -> TemplateValue {
        guard let path else { return item }
        if case .int = path { return try TemplateMembers.item(item, path) }
        var result = item
        for name in PythonString.split(PythonText.text(path), ".", -1) {
            let key: TemplateValue = Int(name).map { .int($0) } ?? .string(name)
            result = try TemplateMembers.item(result, key)
        }
        return result
    }

    private static func joined(
        _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> String {
        let separator = PythonText.text(call.argument(0, "d") ?? .string(""))
        var parts: [String] = []
        for item in items {
            parts.append(PythonText.text(try part(item, call.argument(1, "attribute"))))
        }
        return parts.joined(separator: separator)
    }

    private static func mapped(
        _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> [TemplateValue] {
        var result: [TemplateValue] = []
        if let path = call.named.first(where: { $0.name == "attribute" })?.value {
            let preset = call.named.first { $0.name == "default" }?.value
            for item in items {
                let found = try part(item, path)
                result.append(found.isUndefined ? preset ?? found : found)
            }
            return result
        }
        guard case .string(let filter) = call.positional.first else {
            throw .init("map needs a filter's name or an attribute")
        }
        var rest = call
        rest.positional.removeFirst()
        for item in items { result.append(try apply(filter, item, rest)) }
        return result
    }

    private static func selected(
        _ name: String, _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> [TemplateValue] {
        var rest = call
        var path: TemplateValue?
        if name.hasSuffix("attr") {
            guard !rest.positional.isEmpty else { throw .init("\(name) needs an attribute") }
            path = rest.positional.removeFirst()
        }
        var test: String?
        if !rest.positional.isEmpty { test = PythonText.text(rest.positional.removeFirst()) }
        let wanted = name.hasPrefix("select")
        var kept: [TemplateValue] = []
        for item in items {
            let value = try part(item, path)
            let holds = try test.map { (test) throws(TemplateFailure) in
                try TemplateTests.holds(test, value, rest)
            }
            if (holds ?? value.isTrue) == wanted { kept.append(item) }
        }
        return kept
    }

    /// What a value is compared by: texts without regard to case unless asked.
    private static func key(
        _ item: TemplateValue, _ path: TemplateValue?, _ isCaseSensitive: Bool
    ) throws(TemplateFailure) -> TemplateValue {
        let value = try part(item, path)
        if !isCaseSensitive, case .string(let text) = value {
            return .string(PythonString.lower(text))
        }
        return value
    }

    private static func ordered(
        _ items: [TemplateValue], _ keys: [TemplateValue], isReversed: Bool
    ) throws(TemplateFailure) -> [TemplateValue] {
        var failure: TemplateFailure?
        let places = items.indices.sorted { one, other in
            guard let order = keys[one].order(keys[other]) else {
                let types = "\(keys[one].typeName) and \(keys[other].typeName)"
                failure = TemplateFailure("'<' not supported between \(types)")
                return false
            }
            if order == 0 { return one < other }
            return isReversed ? order > 0 : order < 0
        }
        if let failure { throw failure }
        return places.map { items[$0] }
    }

    private static func sorted(
        _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> [TemplateValue] {
        let isCaseSensitive = call.argument(1, "case_sensitive")?.isTrue ?? false
        var keys: [TemplateValue] = []
        for item in items {
            keys.append(try key(item, call.argument(2, "attribute"), isCaseSensitive))
        }
        return try ordered(
            items, keys, isReversed: call.argument(0, "reverse")?.isTrue ?? false)
    }

    private static func sortedMembers(
        _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        guard case .object(let members) = value else { throw .init("dictsort takes a dict") }
        let byValue = PythonText.text(call.argument(1, "by") ?? .string("key")) == "value"
        let isCaseSensitive = call.argument(0, "case_sensitive")?.isTrue ?? false
        var keys: [TemplateValue] = []
        for member in members {
            keys.append(try key(byValue ? member.value : member.key, nil, isCaseSensitive))
        }
        let pairs = members.map { TemplateValue.tuple([$0.key, $0.value]) }
        return .list(
            try ordered(pairs, keys, isReversed: call.argument(2, "reverse")?.isTrue ?? false))
    }

    private static func unique(
        _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> [TemplateValue] {
        let isCaseSensitive = call.argument(0, "case_sensitive")?.isTrue ?? false
        var seen: [TemplateValue] = []
        var kept: [TemplateValue] = []
        for item in items {
            let key = try key(item, call.argument(1, "attribute"), isCaseSensitive)
            guard !seen.contains(where: { $0.equals(key) }) else { continue }
            seen.append(key)
            kept.append(item)
        }
        return kept
    }

    private static func extreme(
        _ name: String, _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        let isCaseSensitive = call.argument(0, "case_sensitive")?.isTrue ?? false
        var keys: [TemplateValue] = []
        for item in items {
            keys.append(try key(item, call.argument(1, "attribute"), isCaseSensitive))
        }
        return try ordered(items, keys, isReversed: name == "max").first
            ?? .undefined("no aggregated item, sequence was empty")
    }

    private static func sum(
        _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        var total = call.argument(1, "start") ?? .int(0)
        for item in items {
            total = try TemplateArithmetic.operate(
                "+", total, try part(item, call.argument(0, "attribute")))
        }
        return total
    }

    private static func grouped(
        _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        var keys: [TemplateValue] = []
        for item in items { keys.append(try key(item, call.argument(0, "attribute"), false)) }
        let pairs = zip(keys, items).map { TemplateValue.tuple([$0, $1]) }
        var groups: [(key: TemplateValue, items: [TemplateValue])] = []
        for pair in try ordered(pairs, keys, isReversed: false) {
            guard case .tuple(let parts) = pair else { continue }
            if let last = groups.last, last.key.equals(parts[0]) {
                groups[groups.count - 1].items.append(parts[1])
            } else {
                groups.append((parts[0], [parts[1]]))
            }
        }
        var result: [TemplateValue] = []
        for group in groups {
            let name = try part(group.items[0], call.argument(0, "attribute"))
            result.append(.tuple([name, .list(group.items)]))
        }
        return .list(result)
    }

    private static func batched(
        _ items: [TemplateValue], _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        guard case .int(let size) = call.argument(0, "linecount"), size > 0, size < 1 << 20 else {
            throw .init("batch needs a positive integer")
        }
        let starts = stride(from: 0, to: items.count, by: size)
        var rows = starts.map { Array(items[$0..<min($0 + size, items.count)]) }
        if let fill = call.argument(1, "fill_with"), let last = rows.last, last.count < size {
            rows[rows.count - 1] += Array(repeating: fill, count: size - last.count)
        }
        return .list(rows.map { .list($0) })
    }
}
