/// Attributes, items and slices.
enum TemplateMembers {
    static func attribute(
        _ value: TemplateValue, _ name: String
    ) throws(TemplateFailure) -> TemplateValue {
        if TemplateMethods.names(of: value).contains(name) {
            return .function(
                TemplateFunction { (call) throws(TemplateFailure) in
                    try TemplateMethods.call(name, on: value, call) ?? .null
                })
        }
        switch value {
        case .undefined(let reason): throw .init(reason)
        case .object:
            if let member = value.member(.string(name)) { return member }
        case .namespace(let namespace):
            if let member = TemplateValue.object(namespace.members).member(.string(name)) {
                return member
            }
        case .loop(let loop):
            if let member = loop.attribute(name) { return member }
        default: break
        }
        return .undefined("'\(value.typeName) object' has no attribute '\(name)'")
    }

    static func item(
        _ value: TemplateValue, _ index: TemplateValue
    ) throws(TemplateFailure) -> TemplateValue {
        switch (value, index.asInt) {
        case (.undefined(let reason), _): throw .init(reason)
        case (.list(let items), .int(let index)), (.tuple(let items), .int(let index)):
            let place = index < 0 ? index + items.count : index
            if items.indices.contains(place) { return items[place] }
        case (.string(let text), .int(let index)):
            let scalars = Array(text.unicodeScalars)
            let place = index < 0 ? index + scalars.count : index
            if scalars.indices.contains(place) { return .string(String(Character(scalars[place]))) }
        case (.object, _):
            if let member = value.member(index) { return member }
            if case .string(let name) = index, TemplateMethods.names(of: value).contains(name) {
                return try attribute(value, name)
            }
        case (_, .string(let name)): return try attribute(value, name)
        default: break
        }
        let written = PythonText.written(index)
        return .undefined("'\(value.typeName) object' has no element \(written)")
    }

    static func slice(
        _ value: TemplateValue, _ start: Int?, _ stop: Int?, _ step: Int?
    ) throws(TemplateFailure) -> TemplateValue {
        switch value {
        case .list(let items): return .list(try slice(items, start, stop, step))
        case .tuple(let items): return .tuple(try slice(items, start, stop, step))
        case .string(let text):
            var result = String.UnicodeScalarView()
            result.append(contentsOf: try slice(Array(text.unicodeScalars), start, stop, step))
            return .string(String(result))
        case .undefined(let reason): throw .init(reason)
        default: throw .init("'\(value.typeName)' object can't be sliced")
        }
    }

    private static func slice<Element>(
        _ items: [Element], _ start: Int?, _ stop: Int?, _ step: Int?
    ) throws(TemplateFailure) -> [Element] {
        let step = step ?? 1
        guard step != 0 else { throw .init("slice step cannot be zero") }
        let count = items.count
        let least = step > 0 ? 0 : -1
        let most = step > 0 ? count : count - 1
        func clamped(_ bound: Int) -> Int {
            min(max(bound < 0 ? bound + count : bound, least), most)
        }
        var index = start.map(clamped) ?? (step > 0 ? 0 : count - 1)
        let end = stop.map(clamped) ?? (step > 0 ? count : -1)
        var result: [Element] = []
        while step > 0 ? index < end : index > end {
            result.append(items[index])
            let (next, overflow) = index.addingReportingOverflow(step)
            if overflow { break }
            index = next
        }
        return result
    }
}

/// Functions that every template knows.
enum TemplateGlobals {
    private static let mostNumbers = 100_000

    static func function(_ name: String) -> TemplateFunction? {
        switch name {
        case "raise_exception":
            TemplateFunction { (call) throws(TemplateFailure) in
                throw .init(.raised(call.positional.first.map(PythonText.text) ?? ""))
            }
        case "namespace":
            TemplateFunction { (call) throws(TemplateFailure) in
                .namespace(TemplateNamespace(try members(call)))
            }
        case "dict":
            TemplateFunction { (call) throws(TemplateFailure) in .object(try members(call)) }
        case "range": TemplateFunction(range)
        default: nil
        }
    }

    private static func members(_ call: TemplateCall) throws(TemplateFailure) -> [(
        key: TemplateValue, value: TemplateValue
    )] {
        var members: [(key: TemplateValue, value: TemplateValue)] = []
        switch call.positional.first {
        case nil: break
        case .object(let given): members = given
        case .namespace(let namespace): members = namespace.members
        case .some(let pairs):
            for pair in try TemplateEvaluator.items(pairs) {
                let parts = try TemplateEvaluator.items(pair)
                guard parts.count == 2 else { throw .init("a dict is made of pairs") }
                TemplateValue.set(parts[0], parts[1], in: &members)
            }
        }
        for (name, value) in call.named { TemplateValue.set(.string(name), value, in: &members) }
        return members
    }

    private static func range(_ call: TemplateCall) throws(TemplateFailure) -> TemplateValue {
        var bounds: [Int] = []
        for value in call.positional {
            guard case .int(let bound) = value.asInt else {
                throw .init("range takes integers, not \(value.typeName)")
            }
            bounds.append(bound)
        }
        guard 1...3 ~= bounds.count else { throw .init("range takes one to three integers") }
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw .init("range's step must not be zero") }
        let start = bounds.count == 1 ? 0 : bounds[0]
        let stop = bounds.count == 1 ? bounds[0] : bounds[1]
        var numbers: [TemplateValue] = []
        var value = start
        while step > 0 ? value < stop : value > stop {
            guard numbers.count < mostNumbers else {
                throw .init("range is larger than \(mostNumbers)")
            }
            numbers.append(.int(value))
            let (next, overflow) = value.addingReportingOverflow(step)
            if overflow { break }
            value = next
        }
        return .list(numbers)
    }
}
