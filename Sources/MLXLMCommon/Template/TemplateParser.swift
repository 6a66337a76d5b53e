/// Makes statements of a template's tokens.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private var position = 0
    private var depth = 0

    /// The deepest nesting of expressions and blocks.
    private static let deepest = 200

    static func parse(_ text: String) throws(TemplateError) -> [TemplateStatement] {
        var parser = TemplateParser(tokens: try TemplateLexer.tokens(text))
        return try parser.statements(until: []).body
    }

    private init(tokens: [TemplateToken]) { self.tokens = tokens }

    var current: TemplateToken { tokens[position] }
    private var following: TemplateToken { tokens[min(position + 1, tokens.count - 1)] }

    func failure(_ reason: String) -> TemplateError { .syntax(line: current.line, reason: reason) }

    private func found() -> String {
        switch current.kind {
        case .name(let name), .sign(let name): "'\(name)'"
        case .string: "a string"
        case .int, .double: "a number"
        case .tagEnd, .outputEnd: "the end of the tag"
        case .end: "the end of the template"
        default: "a new tag"
        }
    }

    mutating func advance() { position = min(position + 1, tokens.count - 1) }

    mutating func take(_ sign: String) -> Bool {
        guard current.kind == .sign(sign) else { return false }
        advance()
        return true
    }

    mutating func takeName(_ name: String) -> Bool {
        guard current.kind == .name(name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ sign: String) throws(TemplateError) {
        guard take(sign) else { throw failure("expected '\(sign)', found \(found())") }
    }

    mutating func name() throws(TemplateError) -> String {
        guard case .name(let name) = current.kind else {
            throw failure("expected a name, found \(found())")
        }
        advance()
        return name
    }

    private mutating func endTag() throws(TemplateError) {
        guard current.kind == .tagEnd else {
            throw failure("expected the end of the tag, found \(found())")
        }
        advance()
    }

    mutating func unexpected() -> TemplateError { failure("unexpected \(found())") }

    /// Goes one level deeper while `body` runs.
    mutating func nested<Result>(
        _ body: (inout TemplateParser) throws(TemplateError) -> Result
    ) throws(TemplateError) -> Result {
        depth += 1
        guard depth <= TemplateParser.deepest else { throw failure("nested too deeply") }
        defer { depth -= 1 }
        return try body(&self)
    }
}

extension TemplateParser {
    /// Statements up to a tag of one of these names, whose name is read and given too.
    private mutating func statements(
        until ends: [String]
    ) throws(TemplateError) -> (body: [TemplateStatement], end: String) {
        let start = current.line
        var body: [TemplateStatement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .text(let text):
                advance()
                body.append(.init(kind: .text(text), line: line))
            case .outputBegin:
                advance()
                let value = try expressions()
                guard current.kind == .outputEnd else {
                    throw failure("expected '}}', found \(found())")
                }
                advance()
                body.append(.init(kind: .output(value), line: line))
            case .tagBegin:
                advance()
                let word = try name()
                if ends.contains(word) { return (body, word) }
                let kind = try nested { (parser) throws(TemplateError) in
                    try parser.statement(word)
                }
                body.append(.init(kind: kind, line: line))
            default:
                guard ends.isEmpty else {
                    throw .syntax(line: start, reason: "a block without '\(ends[ends.count - 1])'")
                }
                return (body, "")
            }
        }
    }

    private mutating func block(until end: String) throws(TemplateError) -> [TemplateStatement] {
        try endTag()
        let body = try statements(until: [end]).body
        try endTag()
        return body
    }

    private mutating func statement(_ word: String) throws(TemplateError) -> TemplateStatement.Kind
    {
        switch word {
        case "if": return try condition()
        case "for": return try loop()
        case "set": return try assignment()
        case "macro": return try macro()
        case "call": return try call()
        case "generation": return .generation(try block(until: "endgeneration"))
        case "with": return try with()
        case "filter":
            // A filter of the block's text, written as if it stood behind a name.
            let expression = try filters(of: .name(""), begun: true)
            return .filter(expression, try block(until: "endfilter"))
        case "break", "continue":
            try endTag()
            return word == "break" ? .leave : .skip
        default: throw failure("the tag '\(word)' is not known")
        }
    }

    private mutating func condition() throws(TemplateError) -> TemplateStatement.Kind {
        var branches: [(test: TemplateExpression, body: [TemplateStatement])] = []
        var otherwise: [TemplateStatement] = []
        var test = try expressions()
        while true {
            try endTag()
            let (body, end) = try statements(until: ["elif", "else", "endif"])
            branches.append((test, body))
            if end == "elif" {
                test = try expressions()
                continue
            }
            if end == "else" { otherwise = try block(until: "endif") } else { try endTag() }
            return .condition(branches, otherwise: otherwise)
        }
    }

    private mutating func loop() throws(TemplateError) -> TemplateStatement.Kind {
        let target = try target(withAttribute: false)
        guard takeName("in") else { throw failure("expected 'in', found \(found())") }
        var items = [try alternative()]
        var isTuple = false
        while take(",") {
            isTuple = true
            items.append(try alternative())
        }
        let source = isTuple ? TemplateExpression.tuple(items) : items[0]
        let test = takeName("if") ? try expression() : nil
        let isRecursive = takeName("recursive")
        try endTag()
        let (body, end) = try statements(until: ["else", "endfor"])
        var otherwise: [TemplateStatement] = []
        if end == "else" { otherwise = try block(until: "endfor") } else { try endTag() }
        return .loop(
            TemplateLoop(
                target: target, source: source, test: test, body: body, otherwise: otherwise,
                isRecursive: isRecursive))
    }

    private mutating func target(withAttribute: Bool) throws(TemplateError) -> TemplateTarget {
        var targets: [TemplateTarget] = []
        var isTuple = false
        repeat {
            if !targets.isEmpty { isTuple = true }
            if take("(") {
                targets.append(try target(withAttribute: false))
                try expect(")")
                continue
            }
            guard case .name(let name) = current.kind, name != "in" else {
                if isTuple { break }
                throw failure("expected a name, found \(found())")
            }
            advance()
            if withAttribute, take(".") {
                targets.append(.attribute(of: name, try self.name()))
            } else {
                targets.append(.name(name))
            }
        } while take(",")
        return isTuple ? .tuple(targets) : targets[0]
    }

    private mutating func assignment() throws(TemplateError) -> TemplateStatement.Kind {
        let target = try target(withAttribute: true)
        if take("=") {
            let value = try expressions()
            try endTag()
            return .assign(target, value)
        }
        let filter =
            current.kind == .sign("|") ? try filters(of: .name(""), begun: false) : nil
        return .capture(target, filter, try block(until: "endset"))
    }

    private mutating func parameters() throws(TemplateError) -> [(
        name: String, preset: TemplateExpression?
    )] {
        var parameters: [(name: String, preset: TemplateExpression?)] = []
        try expect("(")
        while !take(")") {
            if !parameters.isEmpty { try expect(",") }
            if take(")") { break }
            let name = try name()
            parameters.append((name, take("=") ? try expression() : nil))
        }
        return parameters
    }

    private mutating func macro() throws(TemplateError) -> TemplateStatement.Kind {
        let name = try name()
        return .macro(try macro(named: name, try parameters(), until: "endmacro"))
    }

    private mutating func macro(
        named name: String, _ parameters: [(name: String, preset: TemplateExpression?)],
        until end: String
    ) throws(TemplateError) -> TemplateMacro {
        let start = position
        let body = try block(until: end)
        let words = tokens[start..<position]
        return TemplateMacro(
            name: name, parameters: parameters, body: body,
            usesMore: words.contains { $0.kind == .name("varargs") },
            usesMoreNamed: words.contains { $0.kind == .name("kwargs") })
    }

    private mutating func call() throws(TemplateError) -> TemplateStatement.Kind {
        let parameters = current.kind == .sign("(") ? try parameters() : []
        let target = try expression()
        guard case .call = target else { throw failure("a call block without a call") }
        return .call(target, try macro(named: "caller", parameters, until: "endcall"))
    }

    private mutating func with() throws(TemplateError) -> TemplateStatement.Kind {
        var values: [(TemplateTarget, TemplateExpression)] = []
        while current.kind != .tagEnd {
            if !values.isEmpty { try expect(",") }
            let name = try name()
            try expect("=")
            values.append((.name(name), try expression()))
        }
        return .with(values, try block(until: "endwith"))
    }
}
