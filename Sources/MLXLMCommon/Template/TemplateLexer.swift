/// A template's text as pieces of output and the words of its tags.
struct TemplateToken: Equatable {
    enum Kind: Equatable {
        case text(String)
        case outputBegin
        case outputEnd
        case tagBegin
        case tagEnd
        case name(String)
        case string(String)
        case int(Int)
        case double(Double)
        case sign(String)
        case end
    }

    let kind: Kind
    let line: Int
}

/// Cuts a template's text, as jinja2 does with `trim_blocks` and `lstrip_blocks`: the line break
/// after a tag and the white space between a line's beginning and a tag are left out.
struct TemplateLexer {
    private let source: [Unicode.Scalar]
    private var position = 0
    private var line = 1
    private var tokens: [TemplateToken] = []
    /// Whether what was read last ended a line.
    private var startsLine = true

    static func tokens(_ text: String) throws(TemplateError) -> [TemplateToken] {
        var lexer = TemplateLexer(text)
        while lexer.position < lexer.source.count { try lexer.next() }
        lexer.append(.end)
        return lexer.tokens
    }

    private init(_ text: String) {
        var scalars: [Unicode.Scalar] = []
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if scalar == "\r" {
                scalars.append("\n")
            } else if scalar != "\n" || previous != "\r" {
                scalars.append(scalar)
            }
            previous = scalar
        }
        if scalars.last == "\n" { scalars.removeLast() }
        source = scalars
    }

    private mutating func append(_ kind: TemplateToken.Kind) {
        tokens.append(TemplateToken(kind: kind, line: line))
    }

    private func at(_ index: Int) -> Unicode.Scalar? {
        index < source.count ? source[index] : nil
    }

    private func starts(_ text: String, at index: Int) -> Bool {
        var index = index
        for scalar in text.unicodeScalars {
            guard at(index) == scalar else { return false }
            index += 1
        }
        return true
    }

    private mutating func advance(to index: Int) {
        while position < index {
            if source[position] == "\n" { line += 1 }
            position += 1
        }
    }

    private static func isSpace(_ scalar: Unicode.Scalar?) -> Bool {
        scalar?.properties.isWhitespace ?? false
    }

    /// Output up to the next tag, and the tag.
    private mutating func next() throws(TemplateError) {
        let start = position
        var open = start
        while open < source.count {
            if source[open] == "{", let second = at(open + 1), "{%#".unicodeScalars.contains(second)
            {
                break
            }
            open += 1
        }
        guard open < source.count else {
            appendText(start..<open)
            return advance(to: open)
        }
        let kind = source[open + 1]
        let mark = at(open + 2)
        var end = open
        if mark == "-" {
            while end > start, TemplateLexer.isSpace(source[end - 1]) { end -= 1 }
        } else if mark != "+", kind != "{" {
            end = withoutIndent(start, open)
        }
        appendText(start..<end)
        advance(to: open + (mark == "-" || mark == "+" ? 3 : 2))
        switch kind {
        case "{": try tag(.outputBegin, .outputEnd, close: "}}")
        case "%":
            if let inner = rawStart() { return try raw(from: inner) }
            try tag(.tagBegin, .tagEnd, close: "%}")
        default: try comment()
        }
    }

    private mutating func appendText(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: source[range])
        append(.text(String(text)))
    }

    /// The end of a text whose last line is nothing but white space before the tag.
    private func withoutIndent(_ start: Int, _ open: Int) -> Int {
        var index = open
        while index > start, source[index - 1] != "\n" {
            guard TemplateLexer.isSpace(source[index - 1]) else { return open }
            index -= 1
        }
        return index > start || startsLine ? index : open
    }

    private mutating func comment() throws(TemplateError) {
        let start = line
        while position < source.count {
            if starts("#}", at: position) {
                let mark = source[position - 1]
                return close(length: 2, mark: mark == "-" || mark == "+" ? mark : nil)
            }
            advance(to: position + 1)
        }
        throw .syntax(line: start, reason: "a comment without '#}'")
    }

    /// Steps over a closing bracket and the white space that it takes.
    private mutating func close(length: Int, mark: Unicode.Scalar?, trims: Bool = true) {
        advance(to: position + length)
        var end = position
        if mark == "-" {
            while TemplateLexer.isSpace(at(end)) { end += 1 }
        } else if mark != "+", trims, at(end) == "\n" {
            end += 1
        }
        startsLine = end > position && source[end - 1] == "\n"
        advance(to: end)
    }
}

extension TemplateLexer {
    /// Where the text of a `raw` block begins, if this is one.
    private func rawStart() -> Int? {
        var index = position
        while TemplateLexer.isSpace(at(index)) { index += 1 }
        guard starts("raw", at: index) else { return nil }
        index += 3
        while TemplateLexer.isSpace(at(index)) { index += 1 }
        return starts("%}", at: index) || starts("-%}", at: index) ? index : nil
    }

    private mutating func raw(from index: Int) throws(TemplateError) {
        let start = line
        advance(to: index)
        let mark = at(position) == "-" ? at(position) : nil
        if mark != nil { advance(to: position + 1) }
        close(length: 2, mark: mark)
        let textStart = position
        while position < source.count {
            if starts("{%", at: position) {
                var inner = position + 2
                let stripsBefore = at(inner) == "-"
                if stripsBefore || at(inner) == "+" { inner += 1 }
                while TemplateLexer.isSpace(at(inner)) { inner += 1 }
                if starts("endraw", at: inner) {
                    inner += 6
                    while TemplateLexer.isSpace(at(inner)) { inner += 1 }
                    let closing = at(inner) == "-" ? at(inner) : nil
                    if closing != nil { inner += 1 }
                    var end = withoutIndent(textStart, position)
                    while stripsBefore, end > textStart, TemplateLexer.isSpace(source[end - 1]) {
                        end -= 1
                    }
                    appendText(textStart..<end)
                    advance(to: inner)
                    return close(length: 2, mark: closing)
                }
            }
            advance(to: position + 1)
        }
        throw .syntax(line: start, reason: "a raw block without 'endraw'")
    }

    /// The words of a tag, up to its closing bracket.
    private mutating func tag(
        _ begin: TemplateToken.Kind, _ end: TemplateToken.Kind, close bracket: String
    ) throws(TemplateError) {
        let start = line
        append(begin)
        var open: [Unicode.Scalar] = []
        while true {
            while TemplateLexer.isSpace(at(position)) { advance(to: position + 1) }
            guard let scalar = at(position) else {
                throw .syntax(line: start, reason: "a tag without '\(bracket)'")
            }
            if open.isEmpty {
                let mark = scalar == "-" || scalar == "+" ? scalar : nil
                if starts(bracket, at: position + (mark == nil ? 0 : 1)) {
                    append(end)
                    if mark != nil { advance(to: position + 1) }
                    return close(length: 2, mark: mark, trims: bracket == "%}")
                }
            }
            try word(scalar, &open)
        }
    }

    private mutating func word(
        _ scalar: Unicode.Scalar, _ open: inout [Unicode.Scalar]
    ) throws(TemplateError) {
        if scalar == "\"" || scalar == "'" { return try string(scalar) }
        if ("0"..."9").contains(scalar) { return try number() }
        if scalar == "_" || scalar.properties.isAlphabetic {
            var end = position
            while let next = at(end),
                next == "_" || next.properties.isAlphabetic
                    || next.properties.numericType != nil
            {
                end += 1
            }
            append(.name(text(position..<end)))
            return advance(to: end)
        }
        switch scalar {
        case "(": open.append(")")
        case "[": open.append("]")
        case "{": open.append("}")
        case ")", "]", "}":
            guard open.popLast() == scalar else {
                throw .syntax(line: line, reason: "an unmatched '\(scalar)'")
            }
        default: break
        }
        for sign in ["==", "!=", "<=", ">=", "//", "**"] where starts(sign, at: position) {
            append(.sign(sign))
            return advance(to: position + 2)
        }
        guard "()[]{}.,:|=<>+-*/%~;".unicodeScalars.contains(scalar) else {
            throw .syntax(line: line, reason: "unexpected '\(scalar)'")
        }
        append(.sign(String(scalar)))
        advance(to: position + 1)
    }

    private func text(_ range: Range<Int>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: source[range])
        return String(text)
    }

    private mutating func number() throws(TemplateError) {
        var end = position
        func digits() {
            while let next = at(end), ("0"..."9").contains(next) || next == "_" { end += 1 }
        }
        digits()
        var isWhole = true
        if at(end) == ".", let next = at(end + 1), ("0"..."9").contains(next) {
            isWhole = false
            end += 1
            digits()
        }
        if let mark = at(end), mark == "e" || mark == "E" {
            let sign = at(end + 1)
            let first = end + (sign == "+" || sign == "-" ? 2 : 1)
            if let next = at(first), ("0"..."9").contains(next) {
                isWhole = false
                end = first
                digits()
            }
        }
        let written = text(position..<end).filter { $0 != "_" }
        if isWhole, let value = Int(written) {
            append(.int(value))
        } else if !isWhole, let value = Double(written) {
            append(.double(value))
        } else {
            throw .syntax(line: line, reason: "the number \(written) can't be held")
        }
        advance(to: end)
    }

    private mutating func string(_ quote: Unicode.Scalar) throws(TemplateError) {
        let start = line
        var content = String.UnicodeScalarView()
        var index = position + 1
        while let scalar = at(index), scalar != quote {
            index += 1
            guard scalar == "\\", let escaped = at(index) else {
                content.append(scalar)
                continue
            }
            index += 1
            switch escaped {
            case "n": content.append("\n")
            case "t": content.append("\t")
            case "r": content.append("\r")
            case "b": content.append("\u{8}")
            case "f": content.append("\u{C}")
            case "v": content.append("\u{B}")
            case "a": content.append("\u{7}")
            case "0": content.append("\0")
            case "\n": break
            case "\\", "'", "\"": content.append(escaped)
            case "x", "u", "U":
                let count = escaped == "x" ? 2 : escaped == "u" ? 4 : 8
                guard index + count <= source.count,
                    let value = UInt32(text(index..<index + count), radix: 16),
                    let decoded = Unicode.Scalar(value)
                else { throw .syntax(line: start, reason: "a wrong escape in a string") }
                content.append(decoded)
                index += count
            default:
                content.append("\\")
                content.append(escaped)
            }
        }
        guard index < source.count else {
            throw .syntax(line: start, reason: "a string without its closing quote")
        }
        append(.string(String(content)))
        advance(to: index + 1)
    }
}
