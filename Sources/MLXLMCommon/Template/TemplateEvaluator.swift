/// Computes the expressions of a template.
struct TemplateEvaluator {
    let scope: TemplateScope
    /// What a `call` block hands to the outermost call.
    private let caller: TemplateFunction?

    init(_ scope: TemplateScope, caller: TemplateFunction? = nil) {
        self.scope = scope
        self.caller = caller
    }

    func value(_ expression: TemplateExpression) throws(TemplateFailure) -> TemplateValue {
        switch expression {
        case .constant(let json): return TemplateValue(json)
        case .name(let name):
            return scope[name] ?? TemplateGlobals.function(name).map { .function($0) }
                ?? .undefined("'\(name)' is undefined")
        case .list(let items): return .list(try values(items))
        case .tuple(let items): return .tuple(try values(items))
        case .object(let members):
            var result: [(key: TemplateValue, value: TemplateValue)] = []
            for (key, item) in members {
                TemplateValue.set(try value(key), try value(item), in: &result)
            }
            return .object(result)
        case .attribute(let target, let name):
            return try TemplateMembers.attribute(try value(target), name)
        case .item(let target, let index):
            return try TemplateMembers.item(try value(target), try value(index))
        case .slice(let target, let start, let stop, let step):
            return try TemplateMembers.slice(
                try value(target), try bound(start), try bound(stop), try bound(step))
        case .call(let target, let arguments): return try call(target, arguments)
        case .filter(let target, let name, let arguments):
            return try TemplateFilters.apply(
                name, try value(target), try self.arguments(arguments))
        case .test(let target, let name, let arguments, let negated):
            let holds = try TemplateTests.holds(
                name, try value(target), try self.arguments(arguments))
            return .bool(holds != negated)
        case .not(let operand): return .bool(!(try value(operand).isTrue))
        case .negative(let operand): return try TemplateArithmetic.negative(try value(operand))
        case .positive(let operand):
            let operand = try value(operand).asInt
            guard operand.number != nil else {
                throw .init("bad operand type for unary +: '\(operand.typeName)'")
            }
            return operand
        case .and(let left, let right):
            let left = try value(left)
            return left.isTrue ? try value(right) : left
        case .or(let left, let right):
            let left = try value(left)
            return left.isTrue ? left : try value(right)
        case .comparison(let left, let rest): return try comparison(left, rest)
        case .operation(let sign, let left, let right):
            return try TemplateArithmetic.operate(sign, try value(left), try value(right))
        case .join(let parts):
            var text = ""
            for part in parts { text += PythonText.text(try value(part)) }
            return .string(text)
        case .conditional(let test, let then, let otherwise):
            if try value(test).isTrue { return try value(then) }
            guard let otherwise else {
                return .undefined("the inline if-expression has no else section")
            }
            return try value(otherwise)
        }
    }

    private func values(_ items: [TemplateExpression]) throws(TemplateFailure) -> [TemplateValue] {
        var values: [TemplateValue] = []
        for item in items { values.append(try value(item)) }
        return values
    }

    private func bound(_ expression: TemplateExpression?) throws(TemplateFailure) -> Int? {
        guard let expression else { return nil }
        switch try value(expression).asInt {
        case .int(let index): return index
        case .null: return nil
        case let other: throw .init("slice indices must be integers, not \(other.typeName)")
        }
    }

    private func arguments(_ arguments: TemplateArguments) throws(TemplateFailure) -> TemplateCall {
        var call = TemplateCall(positional: try values(arguments.positional))
        for (name, expression) in arguments.named {
            call.named.append((name, try value(expression)))
        }
        if let spread = arguments.spread {
            call.positional += try TemplateEvaluator.items(try value(spread))
        }
        if let spread = arguments.namedSpread {
            guard case .object(let members) = try value(spread) else {
                throw .init("what follows ** is no dict")
            }
            for member in members {
                call.named.append((PythonText.text(member.key), member.value))
            }
        }
        return call
    }

    private func call(
        _ target: TemplateExpression, _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
        var call = try TemplateEvaluator(scope).arguments(arguments)
        if let caller { call.named.append(("caller", .function(caller))) }
        if case .attribute(let object, let name) = target {
            let object = try value(object)
            if let result = try TemplateMethods.call(name, on: object, call) { return result }
            return try invoke(try TemplateMembers.attribute(object, name), call)
        }
        return try invoke(try TemplateEvaluator(scope).value(target), call)
    }

    private func invoke(
        _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> TemplateValue {
        switch value {
        case .function(let function): return try function.body(call)
        case .loop(let loop):
            guard let again = loop.again else { throw .init("the loop is not recursive") }
            return try again.body(call)
        case .undefined(let reason): throw .init(reason)
        default: throw .init("'\(value.typeName)' object is not callable")
        }
    }

    private func comparison(
        _ left: TemplateExpression, _ rest: [(sign: String, TemplateExpression)]
    ) throws(TemplateFailure) -> TemplateValue {
        var left = try value(left)
        for (sign, expression) in rest {
            let right = try value(expression)
            guard try TemplateArithmetic.compare(sign, left, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    /// What a loop over a value goes through.
    static func items(_ value: TemplateValue) throws(TemplateFailure) -> [TemplateValue] {
        switch value {
        case .list(let items), .tuple(let items): return items
        case .object(let members): return members.map(\.key)
        case .string(let text): return text.unicodeScalars.map { .string(String(Character($0))) }
        case .undefined: return []
        case .loop(let loop): return loop.items
        default: throw .init("'\(value.typeName)' object is not iterable")
        }
    }
}

/// Operators.
enum TemplateArithmetic {
    static func compare(
        _ sign: String, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateFailure) -> Bool {
        switch sign {
        case "==": return left.equals(right)
        case "!=": return !left.equals(right)
        case "in": return try contains(right, left)
        case "not in": return !(try contains(right, left))
        default: break
        }
        guard let order = left.order(right) else {
            try refuseUndefined(left, right)
            throw .init("'\(sign)' not supported between \(left.typeName) and \(right.typeName)")
        }
        switch sign {
        case "<": return order < 0
        case "<=": return order <= 0
        case ">": return order > 0
        default: return order >= 0
        }
    }

    private static func refuseUndefined(_ values: TemplateValue...) throws(TemplateFailure) {
        for value in values {
            if case .undefined(let reason) = value { throw .init(reason) }
        }
    }

    private static func contains(
        _ container: TemplateValue, _ value: TemplateValue
    ) throws(TemplateFailure) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = value else {
                try refuseUndefined(value)
                throw .init("'in <string>' requires string, not \(value.typeName)")
            }
            return PythonString.find(Array(part.utf8), in: Array(text.utf8), from: 0) != nil
        case .object(let members): return members.contains { $0.key.equals(value) }
        case .namespace(let namespace): return namespace.members.contains { $0.key.equals(value) }
        default:
            return try TemplateEvaluator.items(container).contains { $0.equals(value) }
        }
    }

    static func negative(_ value: TemplateValue) throws(TemplateFailure) -> TemplateValue {
        switch value.asInt {
        case .int(let value):
            let (result, overflow) = (0).subtractingReportingOverflow(value)
            guard !overflow else { throw .init("a number beyond 64 bits") }
            return .int(result)
        case .double(let value): return .double(-value)
        default:
            try refuseUndefined(value)
            throw .init("bad operand type for unary -: '\(value.typeName)'")
        }
    }

    static func operate(
        _ sign: String, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateFailure) -> TemplateValue {
        try refuseUndefined(left, right)
        switch (sign, left, right) {
        case ("+", .string(let a), .string(let b)): return .string(a + b)
        case ("+", .list(let a), .list(let b)): return .list(a + b)
        case ("+", .tuple(let a), .tuple(let b)): return .tuple(a + b)
        case ("%", .string(let format), _): return try PythonString.formatted(format, right)
        case ("*", .string(let text), .int(let count)), ("*", .int(let count), .string(let text)):
            try checkSize(text.utf8.count, count)
            return .string(String(repeating: text, count: max(count, 0)))
        case ("*", .list(let items), .int(let count)):
            try checkSize(items.count, count)
            return .list((0..<max(count, 0)).flatMap { _ in items })
        default: break
        }
        if sign != "/", case .int(let a) = left.asInt, case .int(let b) = right.asInt {
            return try whole(sign, a, b)
        }
        guard let a = left.number, let b = right.number else {
            throw .init(
                "unsupported operand types for \(sign): '\(left.typeName)' and '\(right.typeName)'")
        }
        return try fractional(sign, a, b)
    }

    private static func checkSize(_ size: Int, _ count: Int) throws(TemplateFailure) {
        let (product, overflow) = size.multipliedReportingOverflow(by: max(count, 0))
        guard !overflow, product < 1 << 28 else { throw .init("a value that is too large") }
    }

    private static func whole(_ sign: String, _ a: Int, _ b: Int) throws(TemplateFailure)
        -> TemplateValue
    {
        let result: (partialValue: Int, overflow: Bool)
        switch sign {
        case "+": result = a.addingReportingOverflow(b)
        case "-": result = a.subtractingReportingOverflow(b)
        case "*": result = a.multipliedReportingOverflow(by: b)
        case "//", "%":
            guard b != 0 else { throw .init("division by zero") }
            guard b != -1 else { return sign == "%" ? .int(0) : try negative(.int(a)) }
            let remainder = a % b
            let isDown = remainder != 0 && (remainder < 0) != (b < 0)
            if sign == "//" { return .int(a / b - (isDown ? 1 : 0)) }
            return .int(isDown ? remainder + b : remainder)
        default:
            guard b >= 0 else { return try fractional(sign, Double(a), Double(b)) }
            return .int(try power(a, b))
        }
        guard !result.overflow else { throw .init("a number beyond 64 bits") }
        return .int(result.partialValue)
    }

    private static func power(_ base: Int, _ exponent: Int) throws(TemplateFailure) -> Int {
        var result = 1
        if base == 0 || base == 1 || base == -1 {
            return exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base
        }
        for _ in 0..<exponent {
            let (product, overflow) = result.multipliedReportingOverflow(by: base)
            guard !overflow else { throw .init("a number beyond 64 bits") }
            result = product
        }
        return result
    }

    private static func fractional(
        _ sign: String, _ a: Double, _ b: Double
    ) throws(TemplateFailure) -> TemplateValue {
        switch sign {
        case "+": return .double(a + b)
        case "-": return .double(a - b)
        case "*": return .double(a * b)
        case "**": return .double(PythonNumber.power(a, b))
        default: break
        }
        guard b != 0 else { throw .init("division by zero") }
        switch sign {
        case "/": return .double(a / b)
        case "//": return .double((a / b).rounded(.down))
        default:
            let remainder = a.truncatingRemainder(dividingBy: b)
            return .double(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder)
        }
    }
}
