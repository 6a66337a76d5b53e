import Foundation

/// Python's operations on strings, over scalars.
enum PythonString {
    static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// Where a text is in another; the bytes of both.
    static func find(_ part: [UInt8], in text: [UInt8], from start: Int) -> Int? {
        guard let first = part.first else { return start <= text.count ? start : nil }
        var index = start
        while index + part.count <= text.count {
            if text[index] == first, text[index..<index + part.count] == part[...] { return index }
            index += 1
        }
        return nil
    }

    static func strip(_ text: String, _ characters: String?, left: Bool, right: Bool) -> String {
        var scalars = Array(text.unicodeScalars)[...]
        let set = characters.map { Set($0.unicodeScalars) }
        func isStripped(_ scalar: Unicode.Scalar) -> Bool {
            set?.contains(scalar) ?? isSpace(scalar)
        }
        while left, let first = scalars.first, isStripped(first) { scalars.removeFirst() }
        while right, let last = scalars.last, isStripped(last) { scalars.removeLast() }
        return string(scalars)
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || 0x1C...0x1F ~= scalar.value
    }

    static func replace(_ text: String, _ old: String, _ new: String, _ count: Int) -> String {
        if old.isEmpty { return insert(new, into: text, count) }
        let bytes = Array(text.utf8)
        let part = Array(old.utf8)
        var result: [UInt8] = []
        var index = 0
        var left = count < 0 ? Int.max : count
        while left > 0, let place = find(part, in: bytes, from: index) {
            result += bytes[index..<place]
            result += new.utf8
            index = place + part.count
            left -= 1
        }
        return String(decoding: result + bytes[index...], as: UTF8.self)
    }

    private static func insert(_ new: String, into text: String, _ count: Int) -> String {
        var result = ""
        var left = count < 0 ? Int.max : count
        for scalar in text.unicodeScalars {
            if left > 0 { result += new }
            left -= 1
            result.unicodeScalars.append(scalar)
        }
        return left > 0 ? result + new : result
    }

    /// Parts between separators, at most `most` cuts from the left; white space without a separator.
    static func split(_ text: String, _ separator: String?, _ most: Int) -> [String] {
        guard let separator else { return words(text, most) }
        let bytes = Array(text.utf8)
        let part = Array(separator.utf8)
        var parts: [String] = []
        var index = 0
        while most < 0 || parts.count < most, let place = find(part, in: bytes, from: index) {
            parts.append(String(decoding: bytes[index..<place], as: UTF8.self))
            index = place + part.count
        }
        return parts + [String(decoding: bytes[index...], as: UTF8.self)]
    }

    private static func words(_ text: String, _ most: Int) -> [String] {
        var parts: [String] = []
        var rest = Array(text.unicodeScalars)[...].drop(while: isSpace)
        while !rest.isEmpty {
            if most >= 0, parts.count == most {
                parts.append(strip(string(rest), nil, left: false, right: true))
                break
            }
            let word = rest.prefix { !isSpace($0) }
            parts.append(string(word))
            rest = rest.dropFirst(word.count).drop(while: isSpace)
        }
        return parts
    }

    /// As `split`, with the cuts from the right.
    static func splitRight(_ text: String, _ separator: String?, _ most: Int) -> [String] {
        guard most >= 0 else { return split(text, separator, most) }
        let reversed = string(text.unicodeScalars.reversed())
        let mark = separator.map { string($0.unicodeScalars.reversed()) }
        return split(reversed, mark, most).reversed().map { string($0.unicodeScalars.reversed()) }
    }

    static func lines(_ text: String, keepsEnds: Bool) -> [String] {
        let breaks: Set<Unicode.Scalar> = [
            "\n", "\r", "\u{B}", "\u{C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}",
            "\u{2029}",
        ]
        var lines: [String] = []
        var line: [Unicode.Scalar] = []
        let scalars = Array(text.unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            index += 1
            guard breaks.contains(scalar) else {
                line.append(scalar)
                continue
            }
            if keepsEnds { line.append(scalar) }
            if scalar == "\r", index < scalars.count, scalars[index] == "\n" {
                if keepsEnds { line.append("\n") }
                index += 1
            }
            lines.append(string(line))
            line = []
        }
        return line.isEmpty ? lines : lines + [string(line)]
    }

    static func upper(_ text: String) -> String {
        text.unicodeScalars.map(\.properties.uppercaseMapping).joined()
    }

    static func lower(_ text: String) -> String {
        text.unicodeScalars.map(\.properties.lowercaseMapping).joined()
    }

    static func capitalize(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        guard let first = scalars.first else { return "" }
        return first.properties.titlecaseMapping + lower(string(scalars.dropFirst()))
    }

    static func title(_ text: String) -> String {
        var result = ""
        var isInside = false
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            result += isInside ? properties.lowercaseMapping : properties.titlecaseMapping
            isInside = properties.isCased
        }
        return result
    }

    /// Whether a text has scalars and all of them are so.
    static func all(_ text: String, _ test: (Unicode.Scalar) -> Bool) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy(test)
    }

    /// `format % values`, with `%s`, `%r`, `%d`, `%i`, `%f` with a precision, and `%%`.
    static func formatted(
        _ format: String, _ value: TemplateValue
    ) throws(TemplateFailure) -> TemplateValue {
        var values: [TemplateValue] = if case .tuple(let items) = value { items } else { [value] }
        var result = String.UnicodeScalarView()
        var scalars = Array(format.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            guard scalar == "%" else {
                result.append(scalar)
                continue
            }
            var precision = ""
            while let next = scalars.first, next == "." || ("0"..."9").contains(next) {
                precision.unicodeScalars.append(next)
                scalars.removeFirst()
            }
            guard let kind = scalars.popFirst() else { throw .init("incomplete format") }
            if kind == "%" {
                result.append("%")
                continue
            }
            guard !values.isEmpty else { throw .init("not enough arguments for format string") }
            let text = try formatted(kind, precision, values.removeFirst())
            result.append(contentsOf: text.unicodeScalars)
        }
        return .string(String(result))
    }

    private static func formatted(
        _ kind: Unicode.Scalar, _ precision: String, _ value: TemplateValue
    ) throws(TemplateFailure) -> String {
        switch kind {
        case "s" where precision.isEmpty: return PythonText.text(value)
        case "r" where precision.isEmpty: return PythonText.written(value)
        case "d" where precision.isEmpty, "i" where precision.isEmpty:
            if case .int(let number) = value.asInt { return String(number) }
            if let number = value.number, let whole = Int(exactly: number.rounded(.towardZero)) {
                return String(whole)
            }
            throw .init("%\(kind) takes a number, not \(value.typeName)")
        case "f":
            guard let number = value.number, precision.isEmpty || precision.hasPrefix("."),
                let digits = precision.isEmpty ? 6 : Int(precision.dropFirst()), digits < 100
            else { throw .init("%\(precision)f can't be written") }
            return String(format: "%.\(digits)f", number)
        default: throw .init("the format %\(precision)\(kind) is not known")
        }
    }
}

/// Python's arithmetic where it is more than Swift's.
enum PythonNumber {
    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

    static func rounded(_ value: Double, _ digits: Int) -> Double {
        let scale = pow(10, Double(digits))
        return (value * scale).rounded(.toNearestOrEven) / scale
    }
}
