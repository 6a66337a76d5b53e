/// A pattern as a tree.
indirect enum TextPatternNode {
    case scalar(ScalarSet)
    case sequence([TextPatternNode])
    case alternatives([TextPatternNode])
    case repeated(TextPatternNode, least: Int, most: Int, manner: Manner)
    case atomic(TextPatternNode)
    case look(TextPatternNode, ahead: Bool, negative: Bool)
    case assertion(TextPattern.Instruction)

    enum Manner {
        case greedy
        case lazy
        case possessive
    }

    /// The number of scalars that every match has; nil where it varies.
    var width: Int? {
        switch self {
        case .scalar: return 1
        case .assertion, .look: return 0
        case .atomic(let node): return node.width
        case .repeated(let node, let least, let most, _):
            return least == most ? node.width.map { $0 * least } : nil
        case .sequence(let nodes):
            var sum = 0
            for node in nodes {
                guard let width = node.width else { return nil }
                sum += width
            }
            return sum
        case .alternatives(let nodes):
            let widths = nodes.map(\.width)
            return widths.dropFirst().allSatisfy { $0 == widths[0] } ? widths[0] : nil
        }
    }
}

/// Reads the text of a pattern.
struct TextPatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func parse() throws(TextPattern.Failure) -> TextPatternNode {
        let node = try alternatives()
        guard position == scalars.count else { throw failure("an unmatched ')'") }
        return node
    }

    private var current: Unicode.Scalar? {
        position < scalars.count ? scalars[position] : nil
    }

    private func failure(_ reason: String) -> TextPattern.Failure {
        .init(reason: "\(reason) at character \(position + 1) of the pattern")
    }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard position + wanted.count <= scalars.count,
            scalars[position..<position + wanted.count].elementsEqual(wanted)
        else { return false }
        position += wanted.count
        return true
    }

    private mutating func alternatives() throws(TextPattern.Failure) -> TextPatternNode {
        let outer = ignoresCase
        defer { ignoresCase = outer }
        var nodes = [try sequence()]
        while take("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
    }

    private mutating func sequence() throws(TextPattern.Failure) -> TextPatternNode {
        var nodes: [TextPatternNode] = []
        while let scalar = current, scalar != "|", scalar != ")" {
            guard let atom = try atom() else { continue }
            nodes.append(try repeats(of: atom))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func repeats(
        of atom: TextPatternNode
    ) throws(TextPattern.Failure) -> TextPatternNode {
        var node = atom
        while true {
            let bounds: (Int, Int)
            var isCounted = false
            if take("*") {
                bounds = (0, .max)
            } else if take("+") {
                bounds = (1, .max)
            } else if take("?") {
                bounds = (0, 1)
            } else if current == "{", let counted = try counts() {
                bounds = counted
                isCounted = true
            } else {
                return node
            }
            let manner: TextPatternNode.Manner =
                take("?") ? .lazy : !isCounted && take("+") ? .possessive : .greedy
            node = .repeated(node, least: bounds.0, most: bounds.1, manner: manner)
        }
    }

    /// `{n}`, `{n,}`, `{,m}` or `{n,m}`; nil, and nothing is read, where the brace is a literal.
    private mutating func counts() throws(TextPattern.Failure) -> (Int, Int)? {
        let start = position
        _ = take("{")
        let least = number()
        let hasComma = take(",")
        let most = hasComma ? number() : least
        guard take("}"), least != nil || most != nil else {
            position = start
            return nil
        }
        let bounds = (least ?? 0, most ?? .max)
        guard bounds.0 <= bounds.1, bounds.0 <= 1000, bounds.1 <= 1000 || most == nil else {
            throw failure("a repeat that can't be counted")
        }
        return bounds
    }

    private mutating func number() -> Int? {
        var text = ""
        while let scalar = current, ("0"..."9").contains(scalar) {
            text.unicodeScalars.append(scalar)
            position += 1
        }
        return Int(text)
    }

    /// The next piece; nil where it was only a switch such as `(?i)`.
    private mutating func atom() throws(TextPattern.Failure) -> TextPatternNode? {
        guard let scalar = current else { throw failure("the pattern ends early") }
        switch scalar {
        case "(": return try group()
        case "[": return .scalar(try scalarClass())
        case "\\": return try escape()
        case ".":
            position += 1
            var set = ScalarSet(scalar: 0x0A)
            set.isNegated = true
            return .scalar(set)
        case "^":
            position += 1
            return .assertion(.lineStart)
        case "$":
            position += 1
            return .assertion(.lineEnd)
        case "*", "+", "?": throw failure("a repeat of nothing")
        default:
            if scalar == "{", try counts() != nil { throw failure("a repeat of nothing") }
            position += 1
            return .scalar(ScalarSet(scalar: scalar.value, ignoresCase: ignoresCase))
        }
    }

    private mutating func group() throws(TextPattern.Failure) -> TextPatternNode? {
        position += 1
        let outer = ignoresCase
        if take("?") {
            if take("=") {
                return try closed(.look(try alternatives(), ahead: true, negative: false))
            }
            if take("!") {
                return try closed(.look(try alternatives(), ahead: true, negative: true))
            }
            if take("<=") {
                return try closed(.look(try alternatives(), ahead: false, negative: false))
            }
            if take("<!") {
                return try closed(.look(try alternatives(), ahead: false, negative: true))
            }
            if take(">") { return try closed(.atomic(try alternatives())) }
            if take("i)") {
                ignoresCase = true
                return nil
            }
            if take("-i)") {
                ignoresCase = false
                return nil
            }
            if take("i:") {
                ignoresCase = true
            } else if take("-i:") {
                ignoresCase = false
            } else if !take(":") {
                throw failure("an unknown kind of group")
            }
        }
        let node = try alternatives()
        ignoresCase = outer
        return try closed(node)
    }

    private mutating func closed(
        _ node: TextPatternNode
    ) throws(TextPattern.Failure) -> TextPatternNode {
        guard take(")") else { throw failure("a group without ')'") }
        return node
    }
}

extension TextPatternParser {
    private mutating func escape() throws(TextPattern.Failure) -> TextPatternNode {
        let assertions: [(String, TextPattern.Instruction)] = [
            ("\\b", .wordBoundary(negative: false)), ("\\B", .wordBoundary(negative: true)),
            ("\\A", .textStart), ("\\z", .textEnd),
        ]
        for (text, assertion) in assertions where take(text) { return .assertion(assertion) }
        var set = ScalarSet()
        set.ignoresCase = ignoresCase
        if take("\\w") || take("\\W") {
            set.includesWord = true
            set.ranges = ScalarSet.latinNumbers
            set.isNegated = scalars[position - 1] == "W"
        } else {
            try escape(into: &set)
        }
        return .scalar(set)
    }

    /// Adds what an escape stands for.
    private mutating func escape(into set: inout ScalarSet) throws(TextPattern.Failure) {
        position += 1
        guard let scalar = current else { throw failure("the pattern ends after '\\'") }
        position += 1
        switch scalar {
        case "s": set.includesSpace = true
        case "S": set.includesNonSpace = true
        case "w": set.includesWord = true
        case "W": set.includesNonWord = true
        case "d": set.categories.formUnion(.decimalNumber)
        case "D": set.categories.formUnion(CharacterTable.Categories.decimalNumber.complement)
        case "p", "P": set.categories.formUnion(try property(isNegated: scalar == "P"))
        default:
            guard let value = try literal(scalar) else {
                throw failure("an unknown escape '\\\(scalar)'")
            }
            set.ranges.append(value...value)
        }
    }

    /// The scalar of an escape that stands for one.
    private mutating func literal(_ scalar: Unicode.Scalar) throws(TextPattern.Failure) -> UInt32? {
        switch scalar {
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "f": return 0x0C
        case "v": return 0x0B
        case "0": return 0
        case "x": return try hexadecimal(digits: 2)
        case "u": return try hexadecimal(digits: 4)
        default:
            let isWordCharacter = CharacterTable.shared[scalar.value].isWord
            return isWordCharacter ? nil : scalar.value
        }
    }

    private mutating func hexadecimal(digits: Int) throws(TextPattern.Failure) -> UInt32 {
        let isBraced = take("{")
        var text = ""
        while let scalar = current, scalar.properties.isASCIIHexDigit,
            isBraced || text.count < digits
        {
            text.unicodeScalars.append(scalar)
            position += 1
        }
        guard let value = UInt32(text, radix: 16), !isBraced || take("}") else {
            throw failure("a wrong hexadecimal escape")
        }
        return value
    }

    private mutating func property(
        isNegated: Bool
    ) throws(TextPattern.Failure) -> CharacterTable.Categories {
        var name = ""
        var isComplement = isNegated
        if take("{") {
            if take("^") { isComplement.toggle() }
            while let scalar = current, scalar != "}" {
                name.unicodeScalars.append(scalar)
                position += 1
            }
            guard take("}") else { throw failure("a property without '}'") }
        } else if let scalar = current {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard let categories = CharacterTable.Categories.named[name] else {
            throw failure("the property \\p{\(name)} is not known")
        }
        return isComplement ? categories.complement : categories
    }

    private mutating func scalarClass() throws(TextPattern.Failure) -> ScalarSet {
        position += 1
        var set = ScalarSet()
        set.ignoresCase = ignoresCase
        set.isNegated = take("^")
        var isFirst = true
        while let scalar = current, scalar != "]" || isFirst {
            isFirst = false
            if scalar == "[" || take("&&") { throw failure("a class within a class") }
            let before = set.ranges.count
            if scalar == "\\" {
                try escape(into: &set)
            } else {
                position += 1
                set.ranges.append(scalar.value...scalar.value)
            }
            if set.ranges.count > before, position + 1 < scalars.count, current == "-",
                scalars[position + 1] != "]"
            {
                try closeRange(&set)
            }
        }
        guard take("]") else { throw failure("a class without ']'") }
        return set
    }

    /// Makes a range of the last scalar of a class and the one behind the dash.
    private mutating func closeRange(_ set: inout ScalarSet) throws(TextPattern.Failure) {
        position += 1
        let low = set.ranges.removeLast().lowerBound
        var upper = ScalarSet()
        if current == "\\" {
            try escape(into: &upper)
        } else if let scalar = current {
            position += 1
            upper.ranges = [scalar.value...scalar.value]
        }
        guard let high = upper.ranges.first?.lowerBound, low <= high else {
            throw failure("a range in the wrong order")
        }
        set.ranges.append(low...high)
    }
}

extension CharacterTable.Categories {
    var complement: CharacterTable.Categories { .init(rawValue: ~rawValue & 0x3FFF_FFFF) }

    static let named: [String: CharacterTable.Categories] = [
        "L": .letters, "Lu": .uppercase, "Ll": .lowercase, "Lt": .titlecase,
        "Lm": .modifierLetter, "Lo": .otherLetter, "Letter": .letters,
        "M": .marks, "Mn": .nonspacingMark, "Mc": .spacingMark, "Me": .enclosingMark,
        "Mark": .marks, "N": .numbers, "Nd": .decimalNumber, "Nl": .letterNumber,
        "No": .otherNumber, "Number": .numbers, "P": .punctuation, "Pc": .connector,
        "Pd": .dash, "Ps": .open, "Pe": .close, "Pi": .initial, "Pf": .final,
        "Po": .otherPunctuation, "Punctuation": .punctuation, "S": .symbols, "Sm": .mathSymbol,
        "Sc": .currency, "Sk": .modifierSymbol, "So": .otherSymbol, "Symbol": .symbols,
        "Z": .separators, "Zs": .space, "Zl": .line, "Zp": .paragraph,
        "C": .others, "Cc": .control, "Cf": .format, "Cs": .surrogate, "Co": .privateUse,
        "Cn": .unassigned,
    ]
}
