/// An expression of a template.
indirect enum TemplateExpression: Sendable {
    case constant(OrderedJSON)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case object([(key: TemplateExpression, value: TemplateExpression)])
    case attribute(TemplateExpression, String)
    case item(TemplateExpression, TemplateExpression)
    case slice(
        TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
    case call(TemplateExpression, TemplateArguments)
    case filter(TemplateExpression, String, TemplateArguments)
    case test(TemplateExpression, String, TemplateArguments, negated: Bool)
    case not(TemplateExpression)
    case negative(TemplateExpression)
    case positive(TemplateExpression)
    case and(TemplateExpression, TemplateExpression)
    case or(TemplateExpression, TemplateExpression)
    case comparison(TemplateExpression, [(sign: String, TemplateExpression)])
    case operation(String, TemplateExpression, TemplateExpression)
    case join([TemplateExpression])
    case conditional(TemplateExpression, TemplateExpression, otherwise: TemplateExpression?)
}

/// What stands between the brackets of a call.
struct TemplateArguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
    /// What is spread out by `*` and `**`.
    var spread: TemplateExpression?
    var namedSpread: TemplateExpression?
}

/// What an assignment or a loop names.
indirect enum TemplateTarget: Sendable {
    case name(String)
    case attribute(of: String, String)
    case tuple([TemplateTarget])
}

/// A macro, or what a `call` block hands to one.
final class TemplateMacro: Sendable {
    let name: String
    let parameters: [(name: String, preset: TemplateExpression?)]
    let body: [TemplateStatement]
    /// Whether the body asks for arguments beyond the parameters.
    let usesMore: Bool
    let usesMoreNamed: Bool

    init(
        name: String, parameters: [(name: String, preset: TemplateExpression?)],
        body: [TemplateStatement], usesMore: Bool, usesMoreNamed: Bool
    ) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.usesMore = usesMore
        self.usesMoreNamed = usesMoreNamed
    }
}

/// A statement of a template, with the line where it begins.
struct TemplateStatement: Sendable {
    indirect enum Kind: Sendable {
        case text(String)
        case output(TemplateExpression)
        case condition(
            [(test: TemplateExpression, body: [TemplateStatement])],
            otherwise: [TemplateStatement])
        case loop(TemplateLoop)
        case assign(TemplateTarget, TemplateExpression)
        case capture(TemplateTarget, TemplateExpression?, [TemplateStatement])
        case macro(TemplateMacro)
        case call(TemplateExpression, TemplateMacro)
        case filter(TemplateExpression, [TemplateStatement])
        case generation([TemplateStatement])
        case with([(TemplateTarget, TemplateExpression)], [TemplateStatement])
        case leave
        case skip
    }

    let kind: Kind
    let line: Int
}

/// A `for` statement.
struct TemplateLoop: Sendable {
    let target: TemplateTarget
    let source: TemplateExpression
    let test: TemplateExpression?
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
    let isRecursive: Bool
}
