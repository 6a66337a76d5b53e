/// What each Unicode scalar is: its general category, whether it is white space, and whether it is
/// part of a word.
struct CharacterTable: Sendable {
    /// Categories as bits, to be tested together.
    struct Categories: OptionSet, Sendable {
        let rawValue: UInt32

        static let uppercase = Categories(rawValue: 1 << 0)
        static let lowercase = Categories(rawValue: 1 << 1)
        static let titlecase = Categories(rawValue: 1 << 2)
        static let modifierLetter = Categories(rawValue: 1 << 3)
        static let otherLetter = Categories(rawValue: 1 << 4)
        static let nonspacingMark = Categories(rawValue: 1 << 5)
        static let spacingMark = Categories(rawValue: 1 << 6)
        static let enclosingMark = Categories(rawValue: 1 << 7)
        static let decimalNumber = Categories(rawValue: 1 << 8)
        static let letterNumber = Categories(rawValue: 1 << 9)
        static let otherNumber = Categories(rawValue: 1 << 10)
        static let connector = Categories(rawValue: 1 << 11)
        static let dash = Categories(rawValue: 1 << 12)
        static let open = Categories(rawValue: 1 << 13)
        static let close = Categories(rawValue: 1 << 14)
        static let initial = Categories(rawValue: 1 << 15)
        static let final = Categories(rawValue: 1 << 16)
        static let otherPunctuation = Categories(rawValue: 1 << 17)
        static let mathSymbol = Categories(rawValue: 1 << 18)
        static let currency = Categories(rawValue: 1 << 19)
        static let modifierSymbol = Categories(rawValue: 1 << 20)
        static let otherSymbol = Categories(rawValue: 1 << 21)
        static let space = Categories(rawValue: 1 << 22)
        static let line = Categories(rawValue: 1 << 23)
        static let paragraph = Categories(rawValue: 1 << 24)
        static let control = Categories(rawValue: 1 << 25)
        static let format = Categories(rawValue: 1 << 26)
        static let surrogate = Categories(rawValue: 1 << 27)
        static let privateUse = Categories(rawValue: 1 << 28)
        static let unassigned = Categories(rawValue: 1 << 29)

        static let letters: Categories = [
            .uppercase, .lowercase, .titlecase, .modifierLetter, .otherLetter,
        ]
        static let marks: Categories = [.nonspacingMark, .spacingMark, .enclosingMark]
        static let numbers: Categories = [.decimalNumber, .letterNumber, .otherNumber]
        static let punctuation: Categories = [
            .connector, .dash, .open, .close, .initial, .final, .otherPunctuation,
        ]
        static let symbols: Categories = [.mathSymbol, .currency, .modifierSymbol, .otherSymbol]
        static let separators: Categories = [.space, .line, .paragraph]
        static let others: Categories = [
            .control, .format, .surrogate, .privateUse, .unassigned,
        ]
    }

    /// The number of a category, 0 to 29, and above it the marks of white space and of words.
    struct Kind: Sendable {
        let rawValue: UInt8

        @inline(__always)
        func isIn(_ categories: Categories) -> Bool {
            (categories.rawValue >> UInt32(rawValue & 31)) & 1 != 0
        }
        @inline(__always)
        var isWhitespace: Bool { rawValue & 32 != 0 }
        @inline(__always)
        var isWord: Bool { rawValue & 64 != 0 }
    }

    static let shared = CharacterTable()

    /// The kinds of the scalars of the first two planes.
    private let kinds: [UInt8]
    private static let limit: UInt32 = 0x20000

    private init() {
        kinds = (0..<CharacterTable.limit).map { value in
            Unicode.Scalar(value).map { CharacterTable.look($0).rawValue } ?? 27
        }
    }

    @inline(__always)
    subscript(scalar: UInt32) -> Kind {
        if scalar < CharacterTable.limit { return Kind(rawValue: kinds[Int(scalar)]) }
        return CharacterTable.look(Unicode.Scalar(scalar) ?? "\u{FFFD}")
    }

    private static func look(_ scalar: Unicode.Scalar) -> Kind {
        let properties = scalar.properties
        let category = number(properties.generalCategory)
        let isPartOfWord =
            properties.isAlphabetic || 5...8 ~= category || category == 11
        return Kind(
            rawValue: category | (properties.isWhitespace ? 32 : 0) | (isPartOfWord ? 64 : 0))
    }

    private static func number(_ category: Unicode.GeneralCategory) -> UInt8 {
        switch category {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .surrogate: 27
        case .privateUse: 28
        case .unassigned: 29
        @unknown default: 29
        }
    }
}

/// Scalars in UTF-8 that is known to be valid.
enum Scalars {
    /// The scalar that begins at `index`, and the number of its bytes.
    @inline(__always)
    static func at(_ index: Int, _ bytes: [UInt8]) -> (scalar: UInt32, length: Int) {
        let first = UInt32(bytes[index])
        if first < 0x80 { return (first, 1) }
        if first < 0xE0 {
            return ((first & 0x1F) << 6 | UInt32(bytes[index + 1] & 0x3F), 2)
        }
        let second = UInt32(bytes[index + 1] & 0x3F)
        let third = UInt32(bytes[index + 2] & 0x3F)
        if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
        let fourth = UInt32(bytes[index + 3] & 0x3F)
        return ((first & 0x07) << 18 | second << 12 | third << 6 | fourth, 4)
    }

    /// Where the scalar before `index` begins.
    @inline(__always)
    static func start(before index: Int, _ bytes: [UInt8]) -> Int {
        var start = index - 1
        while bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: Unicode.UTF8.encode(scalar) ?? .init())
    }
}
