/// A value while a template runs: Python's, as far as templates know it.
enum TemplateValue {
    /// A name or an attribute that isn't there.
    case undefined(String)
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([TemplateValue])
    case tuple([TemplateValue])
    case object([(key: TemplateValue, value: TemplateValue)])
    case namespace(TemplateNamespace)
    case loop(TemplateLoopState)
    case function(TemplateFunction)

    init(_ json: OrderedJSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(elements.map { TemplateValue($0) })
        case .object(let members):
            var unique: [(key: TemplateValue, value: TemplateValue)] = []
            unique.reserveCapacity(members.count)
            for member in members {
                TemplateValue.set(.string(member.key), TemplateValue(member.value), in: &unique)
            }
            self = .object(unique)
        }
    }

    /// What Python calls the type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .null: "NoneType"
        case .bool: "bool"
        case .int: "int"
        case .double: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .object: "dict"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .function: "function"
        }
    }

    var isTrue: Bool {
        switch self {
        case .undefined, .null: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .double(let value): value != 0
        case .string(let text): !text.isEmpty
        case .list(let items), .tuple(let items): !items.isEmpty
        case .object(let members): !members.isEmpty
        case .namespace, .loop, .function: true
        }
    }

    var isUndefined: Bool { if case .undefined = self { true } else { false } }

    /// Puts a member in place, or its value in that of the same key.
    static func set(
        _ key: TemplateValue, _ value: TemplateValue,
        in members: inout [(key: TemplateValue, value: TemplateValue)]
    ) {
        if let index = members.firstIndex(where: { $0.key.equals(key) }) {
            members[index].value = value
        } else {
            members.append((key, value))
        }
    }

    /// The value of a key of an object.
    func member(_ key: TemplateValue) -> TemplateValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key.equals(key) }?.value
    }

    /// Python's `==`.
    func equals(_ other: TemplateValue) -> Bool {
        if let one = number, let two = other.number {
            if case .int(let a) = asInt, case .int(let b) = other.asInt { return a == b }
            return one == two
        }
        switch (self, other) {
        case (.null, .null), (.undefined, .undefined): return true
        case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
        case (.object(let a), .object(let b)):
            guard a.count == b.count else { return false }
            return a.allSatisfy { other.member($0.key)?.equals($0.value) ?? false }
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.loop(let a), .loop(let b)): return a === b
        default: return false
        }
    }

    /// A number's value; booleans are numbers.
    var number: Double? {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// A boolean as the number that it is; others as they are.
    var asInt: TemplateValue {
        if case .bool(let value) = self { .int(value ? 1 : 0) } else { self }
    }

    /// Less, equal or more, as -1, 0 and 1; nil where Python refuses to compare.
    func order(_ other: TemplateValue) -> Int? {
        if case .int(let a) = asInt, case .int(let b) = other.asInt {
            return a < b ? -1 : a == b ? 0 : 1
        }
        if let a = number, let b = other.number { return a < b ? -1 : a == b ? 0 : 1 }
        switch (self, other) {
        case (.string(let a), .string(let b)):
            let one = a.unicodeScalars
            let two = b.unicodeScalars
            if one.elementsEqual(two) { return 0 }
            return one.lexicographicallyPrecedes(two) ? -1 : 1
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (one, two) in zip(a, b) where !one.equals(two) { return one.order(two) }
            return a.count < b.count ? -1 : a.count == b.count ? 0 : 1
        default: return nil
        }
    }
}

/// An object that a template may write to.
final class TemplateNamespace {
    var members: [(key: TemplateValue, value: TemplateValue)]

    init(_ members: [(key: TemplateValue, value: TemplateValue)]) { self.members = members }
}

/// What `loop` is inside of a `for`.
final class TemplateLoopState {
    let items: [TemplateValue]
    let depth: Int
    /// The body over other items, in a recursive loop.
    let again: TemplateFunction?
    var index = 0
    var last: [TemplateValue]?

    init(items: [TemplateValue], depth: Int, again: TemplateFunction?) {
        self.items = items
        self.depth = depth
        self.again = again
    }

    func attribute(_ name: String) -> TemplateValue? {
        switch name {
        case "index": .int(index + 1)
        case "index0": .int(index)
        case "revindex": .int(items.count - index)
        case "revindex0": .int(items.count - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(index == items.count - 1)
        case "length": .int(items.count)
        case "depth": .int(depth)
        case "depth0": .int(depth - 1)
        case "previtem": index > 0 ? items[index - 1] : .undefined("there is no previous item")
        case "nextitem":
            index + 1 < items.count ? items[index + 1] : .undefined("there is no next item")
        case "cycle":
            .function(
                TemplateFunction { [self] (call) throws(TemplateFailure) in
                    guard !call.positional.isEmpty else {
                        throw .init("no items for cycling given")
                    }
                    return call.positional[index % call.positional.count]
                })
        case "changed":
            .function(
                TemplateFunction { [self] call in
                    let same =
                        last.map { TemplateValue.list($0).equals(.list(call.positional)) } ?? false
                    last = call.positional
                    return .bool(!same)
                })
        default: nil
        }
    }
}

/// Something that can be called.
struct TemplateFunction {
    let body: (TemplateCall) throws(TemplateFailure) -> TemplateValue

    init(_ body: @escaping (TemplateCall) throws(TemplateFailure) -> TemplateValue) {
        self.body = body
    }
}

/// The arguments of a call.
struct TemplateCall {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []

    /// An argument by its place or its name.
    func argument(_ index: Int, _ name: String) -> TemplateValue? {
        index < positional.count
            ? positional[index] : named.first { $0.name == name }?.value
    }
}

/// What went wrong, before it is known where.
struct TemplateFailure: Error {
    let error: TemplateError?
    let reason: String

    init(_ reason: String) {
        self.reason = reason
        error = nil
    }

    /// A failure that is known whole already.
    init(_ error: TemplateError) {
        reason = error.description
        self.error = error
    }

    func at(line: Int) -> TemplateError { error ?? .rendering(line: line, reason: reason) }
}
