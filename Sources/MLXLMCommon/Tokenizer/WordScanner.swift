/// The pre-tokenizer patterns of the model families, written as loops.
///
/// Each is a regular expression of alternatives of which the first that matches is taken, over and
/// over; a match is a word, and so is what lies between matches (there is none: together the
/// alternatives match everything).
struct WordScanner: Sendable {
    enum Style: Sendable {
        /// GPT-2: words with the space before them.
        case gpt2
        /// cl100k, Llama 3, Qwen: words with any one character before them.
        case cl100k
        /// o200k, Tekken: words cut where the case changes.
        case o200k
    }

    private let style: Style
    /// What a word is made of.
    private let letters: CharacterTable.Categories
    /// The most digits of one number.
    private let digits: Int
    /// Whether `'s` and the like end a word (o200k) or are words of their own (cl100k).
    private let contractions: Bool
    /// Whether a slash may follow punctuation like a line break does.
    private let slash: Bool
    private let table = CharacterTable.shared

    private init(
        _ style: Style, letters: CharacterTable.Categories = .letters, digits: Int = .max,
        contractions: Bool = true, slash: Bool = false
    ) {
        self.style = style
        self.letters = letters
        self.digits = digits
        self.contractions = contractions
        self.slash = slash
    }

    static let gpt2 = WordScanner(.gpt2)
    static let llama3 = WordScanner(.cl100k, digits: 3)
    static let qwen2 = WordScanner(.cl100k, digits: 1)
    static let qwen35 = WordScanner(
        .cl100k, letters: CharacterTable.Categories.letters.union(.marks), digits: 1)
    static let tekken = WordScanner(.o200k, digits: 1, contractions: false, slash: true)
    static let o200k = WordScanner(.o200k, digits: 3, slash: true)

    /// The scanner of a pattern that is known by its text.
    static func known(_ pattern: String) -> WordScanner? { patterns[pattern] }

    static let gpt2Pattern =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    static let llama3Pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"# + cl100kEnd
    static let qwen2Pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + cl100kEnd
    static let qwen35Pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"#
        + #"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    static let tekkenPattern =
        #"[^\r\n\p{L}\p{N}]?"# + upper + "*" + lower + "+"
        + #"|[^\r\n\p{L}\p{N}]?"# + upper + "+" + lower + "*" + #"|\p{N}"# + o200kEnd
    static let o200kPattern =
        #"[^\r\n\p{L}\p{N}]?"# + upper + "*" + lower + "+" + suffix
        + #"|[^\r\n\p{L}\p{N}]?"# + upper + "+" + lower + "*" + suffix
        + #"|\p{N}{1,3}"# + o200kEnd
    private static let cl100kEnd =
        #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let o200kEnd =
        #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
    private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
    private static let suffix = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#

    private static let patterns: [String: WordScanner] = [
        gpt2Pattern: .gpt2, llama3Pattern: .llama3, qwen2Pattern: .qwen2, qwen35Pattern: .qwen35,
        tekkenPattern: .tekken, o200kPattern: .o200k,
        // The same words, as tiktoken and others write them.
        #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#: .gpt2,
        #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"#
            + #"|\s*[\r\n]|\s+(?!\S)|\s+"#: .llama3,
    ]

    /// Appends the words of a range of valid UTF-8.
    func split(_ bytes: [UInt8], _ range: Range<Int>, into words: inout [Range<Int>]) {
        var index = range.lowerBound
        let end = range.upperBound
        switch style {
        case .gpt2:
            while index < end {
                let next = gpt2(bytes, index, end)
                words.append(index..<next)
                index = next
            }
        case .cl100k:
            while index < end {
                let next = cl100k(bytes, index, end)
                words.append(index..<next)
                index = next
            }
        case .o200k:
            while index < end {
                let next = o200k(bytes, index, end)
                words.append(index..<next)
                index = next
            }
        }
    }
}

extension WordScanner {
    private typealias Kind = CharacterTable.Kind

    @inline(__always)
    private func look(_ bytes: [UInt8], _ index: Int) -> (kind: Kind, next: Int) {
        let (scalar, length) = Scalars.at(index, bytes)
        return (table[scalar], index + length)
    }

    /// Where the run of scalars of these categories ends.
    @inline(__always)
    private func run(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ categories: CharacterTable.Categories
    ) -> Int {
        var index = start
        while index < end {
            let (kind, next) = look(bytes, index)
            guard kind.isIn(categories) else { break }
            index = next
        }
        return index
    }

    /// Where the run of neither white space nor these categories ends.
    @inline(__always)
    private func punctuation(
        _ bytes: [UInt8], _ start: Int, _ end: Int, not categories: CharacterTable.Categories
    ) -> Int {
        var index = start
        while index < end {
            let (kind, next) = look(bytes, index)
            guard !kind.isWhitespace, !kind.isIn(categories) else { break }
            index = next
        }
        return index
    }

    /// White space: all of it at the end or if it is one scalar, else all but the last one, which
    /// belongs to the next word. With `breaks`, up to its last line break if it has one.
    private func space(_ bytes: [UInt8], _ start: Int, _ end: Int, breaks: Bool) -> Int {
        var index = start
        var last = start
        var lineEnd = start
        while index < end {
            let (kind, next) = look(bytes, index)
            guard kind.isWhitespace else { break }
            if bytes[index] == 0x0A || bytes[index] == 0x0D { lineEnd = next }
            last = index
            index = next
        }
        if breaks, lineEnd > start { return lineEnd }
        return index == end || last == start ? index : last
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at `index`; `index` if there is none.
    @inline(__always)
    private func contraction(_ bytes: [UInt8], _ index: Int, _ end: Int, anyCase: Bool) -> Int {
        guard index + 1 < end, bytes[index] == UInt8(ascii: "'") else { return index }
        let fold: UInt8 = anyCase ? 0x20 : 0
        let first = bytes[index + 1] | fold
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
            return index + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
            guard index + 2 < end else { return index }
            let second = bytes[index + 2] | fold
            let wanted = first == UInt8(ascii: "l") ? UInt8(ascii: "l") : UInt8(ascii: "e")
            return second == wanted ? index + 3 : index
        default:
            // The long s, U+017F, is an s of another case.
            let isLongS =
                anyCase && index + 2 < end && bytes[index + 1] == 0xC5 && bytes[index + 2] == 0xBF
            return isLongS ? index + 3 : index
        }
    }

    @inline(__always)
    private func gpt2(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        let suffix = contraction(bytes, start, end, anyCase: false)
        if suffix > start { return suffix }
        var index = start
        var (kind, next) = look(bytes, index)
        if bytes[index] == 0x20, next < end {
            index = next
            (kind, next) = look(bytes, index)
        }
        if kind.isIn(.letters) { return run(bytes, next, end, .letters) }
        if kind.isIn(.numbers) { return run(bytes, next, end, .numbers) }
        if kind.isWhitespace { return space(bytes, start, end, breaks: false) }
        return punctuation(
            bytes, next, end, not: CharacterTable.Categories.letters.union(.numbers))
    }

    @inline(__always)
    private func cl100k(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        let suffix = contraction(bytes, start, end, anyCase: true)
        if suffix > start { return suffix }
        let (kind, next) = look(bytes, start)
        if kind.isIn(.letters) { return run(bytes, next, end, letters) }
        if kind.isIn(.numbers) { return number(bytes, next, end) }
        if next < end, bytes[start] != 0x0A, bytes[start] != 0x0D {
            let (second, after) = look(bytes, next)
            if second.isIn(letters) { return run(bytes, after, end, letters) }
        }
        if kind.isIn(letters) { return next }
        return rest(bytes, start, end, kind, next)
    }

    /// The rest of a number after its first digit.
    @inline(__always)
    private func number(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        var index = start
        var count = 1
        while index < end, count < digits {
            let (kind, next) = look(bytes, index)
            guard kind.isIn(.numbers) else { break }
            index = next
            count += 1
        }
        return index
    }

    /// Punctuation with a space before it and line breaks after it, or white space.
    @inline(__always)
    private func rest(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ kind: Kind, _ next: Int
    ) -> Int {
        let not = letters.union(.numbers)
        let first = bytes[start] == 0x20 ? next : start
        var index = punctuation(bytes, first, end, not: not)
        guard index > first else { return space(bytes, start, end, breaks: true) }
        while index < end {
            let byte = bytes[index]
            guard byte == 0x0A || byte == 0x0D || slash && byte == UInt8(ascii: "/") else { break }
            index += 1
        }
        return index
    }
}

extension WordScanner {
    private static let upperCategories: CharacterTable.Categories = [
        .uppercase, .titlecase, .modifierLetter, .otherLetter,
        .nonspacingMark, .spacingMark, .enclosingMark,
    ]
    private static let lowerCategories: CharacterTable.Categories = [
        .lowercase, .modifierLetter, .otherLetter,
        .nonspacingMark, .spacingMark, .enclosingMark,
    ]

    private func o200k(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        let (kind, next) = look(bytes, start)
        let isBreak = bytes[start] == 0x0A || bytes[start] == 0x0D
        let mayLead = !isBreak && !kind.isIn(.letters) && !kind.isIn(.numbers)
        // A mark may lead a word as well as belong to it.
        let first = mayLead ? next : start
        let mayBelong = mayLead && kind.isIn(.marks)
        var index = lowerWord(bytes, first, end)
        if index == first, mayBelong { index = lowerWord(bytes, start, end) }
        if index <= first { index = upperWord(bytes, first, end) }
        if index <= first, mayBelong { index = upperWord(bytes, start, end) }
        if index > first || index > start && mayBelong {
            return contractions ? contraction(bytes, index, end, anyCase: true) : index
        }
        if kind.isIn(.numbers) { return number(bytes, next, end) }
        return rest(bytes, start, end, kind, next)
    }

    /// Capitals, then at least one small letter: `U*W+`, where some letters are both.
    private func lowerWord(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        let capitals = run(bytes, start, end, WordScanner.upperCategories)
        let index = run(bytes, capitals, end, WordScanner.lowerCategories)
        if index > capitals { return index }
        // The last capital that is a small letter as well.
        var last = capitals
        while last > start {
            let before = Scalars.start(before: last, bytes)
            if look(bytes, before).kind.isIn(WordScanner.lowerCategories) { return last }
            last = before
        }
        return start
    }

    /// At least one capital, then small letters: `U+W*`.
    private func upperWord(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        let capitals = run(bytes, start, end, WordScanner.upperCategories)
        guard capitals > start else { return start }
        return run(bytes, capitals, end, WordScanner.lowerCategories)
    }
}
