extension TemplateParser {
    /// An expression, or a tuple of several with commas between.
    mutating func expressions() throws(TemplateError) -> TemplateExpression {
        let first = try expression()
        guard current.kind == .sign(",") else { return first }
        var items = [first]
        while take(",") {
            guard startsExpression else { break }
            items.append(try expression())
        }
        return .tuple(items)
    }

    private var startsExpression: Bool {
        switch current.kind {
        case .name, .string, .int, .double: true
        case .sign(let sign): ["(", "[", "{", "-", "+"].contains(sign)
        default: false
        }
    }

    mutating func expression() throws(TemplateError) -> TemplateExpression {
        try nested { (parser) throws(TemplateError) in
            var value = try parser.alternative()
            while parser.takeName("if") {
                let test = try parser.alternative()
                let otherwise = parser.takeName("else") ? try parser.expression() : nil
                value = .conditional(test, value, otherwise: otherwise)
            }
            return value
        }
    }

    /// An expression without an inline condition.
    mutating func alternative() throws(TemplateError) -> TemplateExpression {
        var left = try conjunction()
        while takeName("or") { left = .or(left, try conjunction()) }
        return left
    }

    private mutating func conjunction() throws(TemplateError) -> TemplateExpression {
        var left = try negation()
        while takeName("and") { left = .and(left, try negation()) }
        return left
    }

    private mutating func negation() throws(TemplateError) -> TemplateExpression {
        guard takeName("not") else { return try comparison() }
        return try nested { (parser) throws(TemplateError) in .not(try parser.negation()) }
    }

    private mutating func comparison() throws(TemplateError) -> TemplateExpression {
        let left = try sum()
        var rest: [(sign: String, TemplateExpression)] = []
        while true {
            if case .sign(let sign) = current.kind,
                ["==", "!=", "<", "<=", ">", ">="].contains(sign)
            {
                advance()
                rest.append((sign, try sum()))
            } else if takeName("in") {
                rest.append(("in", try sum()))
            } else if current.kind == .name("not"), isNext(.name("in")) {
                advance()
                advance()
                rest.append(("not in", try sum()))
            } else {
                return rest.isEmpty ? left : .comparison(left, rest)
            }
        }
    }

    private func isNext(_ kind: TemplateToken.Kind) -> Bool {
        var copy = self
        copy.advance()
        return copy.current.kind == kind
    }

    private mutating func sum() throws(TemplateError) -> TemplateExpression {
        var left = try joined()
        while case .sign(let sign) = current.kind, sign == "+" || sign == "-" {
            advance()
            left = .operation(sign, left, try joined())
        }
        return left
    }

    private mutating func joined() throws(TemplateError) -> TemplateExpression {
        var parts = [try product()]
        while take("~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : .join(parts)
    }

    private mutating func product() throws(TemplateError) -> TemplateExpression {
        var left = try power()
        while case .sign(let sign) = current.kind, ["*", "/", "//", "%"].contains(sign) {
            advance()
            left = .operation(sign, left, try power())
        }
        return left
    }

    private mutating func power() throws(TemplateError) -> TemplateExpression {
        var left = try unary(filtered: true)
        while take("**") { left = .operation("**", left, try unary(filtered: true)) }
        return left
    }

    private mutating func unary(filtered: Bool) throws(TemplateError) -> TemplateExpression {
        try nested { (parser) throws(TemplateError) in
            var value: TemplateExpression
            if parser.take("-") {
                value = .negative(try parser.unary(filtered: false))
            } else if parser.take("+") {
                value = .positive(try parser.unary(filtered: false))
            } else {
                value = try parser.primary()
            }
            value = try parser.postfix(value)
            return filtered ? try parser.filters(of: value, begun: false) : value
        }
    }

    private mutating func primary() throws(TemplateError) -> TemplateExpression {
        switch current.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return .constant(.bool(true))
            case "false", "False": return .constant(.bool(false))
            case "none", "None": return .constant(.null)
            default: return .name(name)
            }
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return .constant(.string(text))
        case .int(let value):
            advance()
            return .constant(.int(value))
        case .double(let value):
            advance()
            return .constant(.double(value))
        case .sign("("):
            advance()
            if take(")") { return .tuple([]) }
            let value = try expressions()
            try expect(")")
            return value
        case .sign("["):
            advance()
            return .list(try items(until: "]"))
        case .sign("{"):
            advance()
            return try object()
        default: throw unexpected()
        }
    }

    private mutating func items(until end: String) throws(TemplateError) -> [TemplateExpression] {
        var items: [TemplateExpression] = []
        while !take(end) {
            if !items.isEmpty { try expect(",") }
            if take(end) { break }
            items.append(try expression())
        }
        return items
    }

    private mutating func object() throws(TemplateError) -> TemplateExpression {
        var members: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !take("}") {
            if !members.isEmpty { try expect(",") }
            if take("}") { break }
            let key = try expression()
            try expect(":")
            members.append((key, try expression()))
        }
        return .object(members)
    }

    private mutating func postfix(
        _ value: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        var value = value
        while true {
            if take(".") {
                if case .int(let index) = current.kind {
                    advance()
                    value = .item(value, .constant(.int(index)))
                } else {
                    value = .attribute(value, try name())
                }
            } else if take("[") {
                value = try subscripted(value)
            } else if current.kind == .sign("(") {
                value = .call(value, try arguments())
            } else {
                return value
            }
        }
    }

    private mutating func subscripted(
        _ value: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        var bounds: [TemplateExpression?] = [nil, nil, nil]
        var part = 0
        while !take("]") {
            if take(":") {
                part += 1
                guard part < 3 else { throw failure("a slice has at most three parts") }
            } else {
                guard bounds[part] == nil else { throw unexpected() }
                bounds[part] = try expressions()
            }
        }
        if part > 0 { return .slice(value, bounds[0], bounds[1], bounds[2]) }
        guard let index = bounds[0] else { throw failure("a subscript without an index") }
        return .item(value, index)
    }

    private mutating func arguments() throws(TemplateError) -> TemplateArguments {
        var arguments = TemplateArguments()
        var isFirst = true
        try expect("(")
        while !take(")") {
            if !isFirst { try expect(",") }
            isFirst = false
            if take(")") { break }
            if take("**") {
                arguments.namedSpread = try expression()
            } else if take("*") {
                arguments.spread = try expression()
            } else if case .name(let name) = current.kind, isNext(.sign("=")) {
                advance()
                advance()
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw failure("an argument without a name after one with a name")
                }
                arguments.positional.append(try expression())
            }
        }
        return arguments
    }

    /// Filters, tests and calls behind a value.
    ///
    /// - Parameter begun: whether a filter's name comes next, without its bar.
    mutating func filters(
        of value: TemplateExpression, begun: Bool
    ) throws(TemplateError) -> TemplateExpression {
        var value = value
        var begun = begun
        while true {
            if begun || take("|") {
                begun = false
                let name = try name()
                guard TemplateFilters.names.contains(name) else {
                    throw failure("no filter named '\(name)'")
                }
                let arguments =
                    current.kind == .sign("(") ? try arguments() : TemplateArguments()
                value = .filter(value, name, arguments)
            } else if takeName("is") {
                value = try test(value)
            } else if current.kind == .sign("(") {
                value = .call(value, try arguments())
            } else {
                return value
            }
        }
    }

    private mutating func test(
        _ value: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        let negated = takeName("not")
        let test = try name()
        guard TemplateTests.names.contains(test) else {
            throw failure("no test named '\(test)'")
        }
        var arguments = TemplateArguments()
        switch current.kind {
        case .sign("("): arguments = try self.arguments()
        case .string, .int, .double, .sign("["), .sign("{"):
            arguments.positional = [try postfix(try primary())]
        case .name(let name) where !["else", "or", "and", "is", "if", "in", "not"].contains(name):
            arguments.positional = [try postfix(try primary())]
        default: break
        }
        return .test(value, test, arguments, negated: negated)
    }
}
