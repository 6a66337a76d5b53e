/// A regular expression over Unicode scalars, of the kind that tokenizer files use.
///
/// It knows classes, `\p{…}` of general categories, groups, look-around, greedy, lazy and possessive
/// repeats, and `(?i:…)`; the first alternative that matches wins. Foundation's expressions are too
/// slow for this, and Swift's match characters where tokenizers match scalars.
struct TextPattern: Sendable {
    /// Why a pattern can't be read.
    struct Failure: Error, Equatable {
        let reason: String
    }

    enum Instruction: Sendable, Equatable {
        case scalar(ScalarSet)
        /// Repeats of one scalar: at least, at most, and whether it gives back what it took.
        case scalars(ScalarSet, Int, Int, possessive: Bool)
        /// Goes on at the first place and, if that fails, at the second.
        case fork(Int, Int)
        case jump(Int)
        /// Remembers the position in a register; `progress` fails if it has not changed since.
        case mark(Int)
        case progress(Int)
        /// A part matched on its own, after it the instruction at the number.
        case atomic(end: Int)
        case look(ahead: Bool, negative: Bool, width: Int, end: Int)
        case lineStart
        case lineEnd
        case textStart
        case textEnd
        case wordBoundary(negative: Bool)
        case accept
    }

    let text: String
    let instructions: [Instruction]
    let registers: Int
    /// The bytes of a pattern that matches nothing but them.
    private let literal: [UInt8]

    init(_ text: String) throws(Failure) {
        var parser = TextPatternParser(text)
        let node = try parser.parse()
        var compiler = TextPatternCompiler()
        try compiler.emit(node)
        self.text = text
        literal = []
        instructions = compiler.instructions + [.accept]
        registers = compiler.registers
    }

    /// A pattern that matches a text literally.
    init(literal: String) {
        text = literal
        self.literal = Array(literal.utf8)
        instructions =
            literal.unicodeScalars.map { .scalar(ScalarSet(scalar: $0.value)) } + [.accept]
        registers = 0
    }

    /// The matches in a range, from left to right, without overlap.
    func matches(_ bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        guard literal.isEmpty else { return literalMatches(bytes, range) }
        var found: [Range<Int>] = []
        var matcher = TextPatternMatcher(self, range)
        var index = range.lowerBound
        while index <= range.upperBound {
            if let end = matcher.match(bytes, at: index) {
                found.append(index..<end)
                if end > index {
                    index = end
                    continue
                }
            }
            guard index < range.upperBound else { break }
            index += Scalars.at(index, bytes).length
        }
        return found
    }

    private func literalMatches(_ bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        let last = range.upperBound - literal.count
        var index = range.lowerBound
        while index <= last {
            if bytes[index] == literal[0], bytes[index..<index + literal.count] == literal[...] {
                found.append(index..<index + literal.count)
                index += literal.count
            } else {
                index += 1
            }
        }
        return found
    }
}

/// Scalars by category, by property and by range.
struct ScalarSet: Sendable, Equatable {
    var categories: CharacterTable.Categories = []
    var ranges: [ClosedRange<UInt32>] = []
    var includesSpace = false
    var includesNonSpace = false
    var includesWord = false
    var includesNonWord = false
    var isNegated = false
    var ignoresCase = false

    /// Superscripts and fractions of Latin-1, which Oniguruma counts among words, but not in classes.
    static let latinNumbers: [ClosedRange<UInt32>] = [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE]

    init() {}

    init(scalar: UInt32, ignoresCase: Bool = false) {
        ranges = [scalar...scalar]
        self.ignoresCase = ignoresCase
    }

    @inline(__always)
    func contains(_ scalar: UInt32, _ table: CharacterTable) -> Bool {
        (holds(scalar, table) || ignoresCase && holdsOtherCase(scalar, table)) != isNegated
    }

    private func holds(_ scalar: UInt32, _ table: CharacterTable) -> Bool {
        let kind = table[scalar]
        if kind.isIn(categories) { return true }
        if kind.isWhitespace ? includesSpace : includesNonSpace { return true }
        if kind.isWord ? includesWord : includesNonWord { return true }
        for range in ranges where range.contains(scalar) { return true }
        return false
    }

    private func holdsOtherCase(_ scalar: UInt32, _ table: CharacterTable) -> Bool {
        ScalarSet.otherCases(scalar).contains { holds($0, table) }
    }

    private static func otherCases(_ scalar: UInt32) -> [UInt32] {
        guard let unicode = Unicode.Scalar(scalar) else { return [] }
        let properties = unicode.properties
        var others: [UInt32] = []
        for mapping in [properties.lowercaseMapping, properties.uppercaseMapping] {
            let scalars = mapping.unicodeScalars
            guard scalars.count == 1, let other = scalars.first?.value, other != scalar else {
                continue
            }
            others.append(other)
            // The small letter of a letter that has two, such as the long s.
            let small = Unicode.Scalar(other)?.properties.lowercaseMapping.unicodeScalars
            if let small, small.count == 1, let value = small.first?.value { others.append(value) }
        }
        if scalar == 0x73 || scalar == 0x53 { others.append(0x17F) }
        if scalar == 0x6B || scalar == 0x4B { others.append(0x212A) }
        return others
    }
}
