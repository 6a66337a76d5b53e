/// What may stand behind `is`.
enum TemplateTests {
    static func holds(
        _ name: String, _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> Bool {
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": if case .null = value { return true } else { return false }
        case "boolean": if case .bool = value { return true } else { return false }
        case "true": if case .bool(true) = value { return true } else { return false }
        case "false": if case .bool(false) = value { return true } else { return false }
        case "integer": if case .int = value { return true } else { return false }
        case "float": if case .double = value { return true } else { return false }
        case "number": return value.number != nil
        case "string": if case .string = value { return true } else { return false }
        case "mapping": if case .object = value { return true } else { return false }
        case "callable": if case .function = value { return true } else { return false }
        case "iterable": return isIterable(value)
        case "sequence": return isSequence(value)
        case "filter", "test":
            guard case .string(let other) = value else { return false }
            return name == "filter"
                ? TemplateFilters.names.contains(other) : names.contains(other)
        default: return try compares(name, value, call)
        }
    }

    static let names: Set<String> = [
        "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number",
        "string", "mapping", "callable", "iterable", "sequence", "filter", "test", "sameas", "eq",
        "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">",
        "ge", ">=", "in", "odd", "even", "divisibleby", "lower", "upper", "escaped",
    ]

    private static func isIterable(_ value: TemplateValue) -> Bool {
        switch value {
        case .string, .list, .tuple, .object, .undefined, .loop: true
        default: false
        }
    }

    private static func isSequence(_ value: TemplateValue) -> Bool {
        switch value {
        case .string, .list, .tuple, .object, .undefined: true
        default: false
        }
    }

    private static func compares(
        _ name: String, _ value: TemplateValue, _ call: TemplateCall
    ) throws(TemplateFailure) -> Bool {
        let signs = [
            "eq": "==", "equalto": "==", "==": "==", "ne": "!=", "!=": "!=", "lt": "<",
            "lessthan": "<", "<": "<", "le": "<=", "<=": "<=", "gt": ">", "greaterthan": ">",
            ">": ">", "ge": ">=", ">=": ">=", "in": "in",
        ]
        let other = call.positional.first
        if let sign = signs[name] {
            guard let other else { throw .init("the test '\(name)' needs a value") }
            return try TemplateArithmetic.compare(sign, value, other)
        }
        switch name {
        case "sameas":
            guard let other else { throw .init("the test 'sameas' needs a value") }
            return value.typeName == other.typeName && value.equals(other)
        case "odd", "even", "divisibleby":
            guard case .int(let number) = value.asInt else {
                throw .init("the test '\(name)' takes an integer, not \(value.typeName)")
            }
            guard name == "divisibleby" else { return (number % 2 != 0) == (name == "odd") }
            guard case .int(let divisor) = other?.asInt, divisor != 0 else {
                throw .init("the test 'divisibleby' needs an integer that is not 0")
            }
            return divisor == -1 || number % divisor == 0
        case "lower", "upper":
            return try TemplateMethods.call(
                name == "lower" ? "islower" : "isupper", on: .string(PythonText.text(value)), call)?
                .isTrue ?? false
        case "escaped": return false
        default: throw .init("no test named '\(name)'")
        }
    }
}
