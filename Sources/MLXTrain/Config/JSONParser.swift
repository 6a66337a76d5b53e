/// A strict reader of JSON (RFC 8259) that knows the line and column of everything it reads.
///
/// It refuses comments, trailing commas, keys that come twice, and bytes that are not UTF-8.
package struct JSONParser {
    private let bytes: [UInt8]
    private let source: String
    private var position = 0
    private var line = 1
    private var column = 1
    private var depth = 0

    /// The deepest nesting that is read.
    private static let depthLimit = 128

    private init(bytes: [UInt8], source: String, line: Int) {
        self.bytes = bytes
        self.source = source
        self.line = line
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The tree of a JSON text.
    ///
    /// - Parameters:
    ///   - bytes: the text in UTF-8.
    ///   - source: the file's name, for the places of values and errors.
    ///   - line: the line of the file that the text begins on.
    package static func parse(
        _ bytes: [UInt8], source: String, line: Int = 1
    ) throws(ConfigError) -> JSONNode {
        var parser = JSONParser(bytes: bytes, source: source, line: line)
        try parser.requireUTF8()
        parser.skipSpace()
        guard parser.current != nil else { throw parser.failure("the file holds no JSON value") }
        let node = try parser.value(path: "")
        parser.skipSpace()
        guard parser.current == nil else {
            throw parser.failure("expected nothing after the value")
        }
        return node
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }
    private var place: ConfigPlace { ConfigPlace(source: source, line: line, column: column) }

    private func failure(_ message: String) -> ConfigError {
        .syntax(place, message: message)
    }

    private func unexpected(_ wanted: String) -> ConfigError {
        guard let byte = current else { return failure("expected \(wanted), found the end") }
        if byte == UInt8(ascii: "/") {
            return failure("expected \(wanted), found '/': JSON has no comments")
        }
        return failure("expected \(wanted), found \(quotedCharacter())")
    }

    private func quotedCharacter() -> String {
        let rest = String(decoding: bytes[position..<min(position + 4, bytes.count)], as: UTF8.self)
        guard let scalar = rest.unicodeScalars.first else { return "the end" }
        return scalar.value < 0x20 ? "a control character" : "'\(scalar)'"
    }

    private mutating func advance() {
        guard position < bytes.count else { return }
        if bytes[position] == UInt8(ascii: "\n") {
            line += 1
            column = 1
        } else if bytes[position] & 0xC0 != 0x80 {
            column += 1
        }
        position += 1
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            advance()
        }
    }

    private mutating func requireUTF8() throws(ConfigError) {
        if String(validating: bytes, as: UTF8.self) != nil { return }
        var line = self.line
        for lineBytes in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if String(validating: lineBytes, as: UTF8.self) == nil { break }
            line += 1
        }
        let place = ConfigPlace(source: source, line: line, column: 1)
        throw .syntax(place, message: "this line is not UTF-8 text")
    }
}

extension JSONParser {
    private mutating func value(path: String) throws(ConfigError) -> JSONNode {
        let start = place
        guard let byte = current else { throw unexpected("a value") }
        switch byte {
        case UInt8(ascii: "{"): return JSONNode(try nested(path: path, object: true), at: start)
        case UInt8(ascii: "["): return JSONNode(try nested(path: path, object: false), at: start)
        case UInt8(ascii: "\""): return JSONNode(.string(try string()), at: start)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return JSONNode(.number(try number()), at: start)
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
            return JSONNode(try word(), at: start)
        default: throw unexpected("a value")
        }
    }

    private mutating func nested(path: String, object: Bool) throws(ConfigError) -> JSONValue {
        guard depth < JSONParser.depthLimit else {
            throw failure("nested deeper than \(JSONParser.depthLimit) levels")
        }
        depth += 1
        defer { depth -= 1 }
        return object ? .object(try members(path: path)) : .array(try elements(path: path))
    }

    private mutating func elements(path: String) throws(ConfigError) -> [JSONNode] {
        advance()
        skipSpace()
        var nodes: [JSONNode] = []
        if current == UInt8(ascii: "]") {
            advance()
            return nodes
        }
        while true {
            nodes.append(try value(path: "\(path)[\(nodes.count)]"))
            skipSpace()
            guard try another(before: UInt8(ascii: "]"), wanted: "',' or ']'") else { return nodes }
        }
    }

    private mutating func members(path: String) throws(ConfigError) -> [JSONMember] {
        advance()
        skipSpace()
        var members: [JSONMember] = []
        if current == UInt8(ascii: "}") {
            advance()
            return members
        }
        while true {
            let start = place
            guard current == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
            let key = try string()
            let keyPath = path.isEmpty ? key : "\(path).\(key)"
            if members.contains(where: { $0.key == key }) {
                throw .duplicateKey(start, path: keyPath)
            }
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw unexpected("':' after the key") }
            advance()
            skipSpace()
            members.append(JSONMember(key, try value(path: keyPath), at: start))
            skipSpace()
            guard try another(before: UInt8(ascii: "}"), wanted: "',' or '}'") else {
                return members
            }
        }
    }

    /// Steps over a comma or the closing bracket; whether another entry follows.
    private mutating func another(before close: UInt8, wanted: String) throws(ConfigError) -> Bool {
        if current == close {
            advance()
            return false
        }
        guard current == UInt8(ascii: ",") else { throw unexpected(wanted) }
        let comma = place
        advance()
        skipSpace()
        if current == close {
            throw .syntax(comma, message: "a comma before the closing bracket is not allowed")
        }
        return true
    }

    private mutating func word() throws(ConfigError) -> JSONValue {
        let start = place
        var text = ""
        while let byte = current, Character(UnicodeScalar(byte)).isLetter, byte < 0x80 {
            text.unicodeScalars.append(UnicodeScalar(byte))
            advance()
        }
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default: throw .syntax(start, message: "expected a value, found '\(text)' without quotes")
        }
    }
}

extension JSONParser {
    private mutating func digits() -> String {
        var text = ""
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            text.unicodeScalars.append(UnicodeScalar(byte))
            advance()
        }
        return text
    }

    /// Steps over one of `characters` if it comes next, and gives it.
    private mutating func take(_ characters: String) -> String {
        guard let byte = current, byte < 0x80 else { return "" }
        let character = Character(UnicodeScalar(byte))
        guard characters.contains(character) else { return "" }
        advance()
        return String(character)
    }

    private mutating func number() throws(ConfigError) -> String {
        let start = place
        var text = take("-")
        let whole = digits()
        guard !whole.isEmpty else { throw unexpected("a digit") }
        guard whole == "0" || !whole.hasPrefix("0") else {
            throw .syntax(start, message: "a number may not begin with 0: \(text)\(whole)")
        }
        text += whole
        let point = take(".")
        if !point.isEmpty {
            let fraction = digits()
            guard !fraction.isEmpty else { throw unexpected("a digit after the point") }
            text += point + fraction
        }
        let mark = take("eE")
        if !mark.isEmpty {
            text += mark + take("+-")
            let exponent = digits()
            guard !exponent.isEmpty else { throw unexpected("a digit of the exponent") }
            text += exponent
        }
        return text
    }

    private mutating func string() throws(ConfigError) -> String {
        let start = place
        advance()
        var text: [UInt8] = []
        while true {
            guard let byte = current, byte != UInt8(ascii: "\n") else {
                throw .syntax(start, message: "the string that begins here has no closing quote")
            }
            if byte == UInt8(ascii: "\"") { break }
            guard byte >= 0x20 else { throw failure("a control character in a string") }
            if byte == UInt8(ascii: "\\") {
                text.append(contentsOf: String(try escape()).utf8)
            } else {
                text.append(byte)
                advance()
            }
        }
        advance()
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func escape() throws(ConfigError) -> UnicodeScalar {
        let start = place
        advance()
        guard let byte = current else { throw unexpected("an escape") }
        let plain: [UInt8: UnicodeScalar] = [
            0x22: "\"", 0x5C: "\\", 0x2F: "/", 0x62: "\u{8}", 0x66: "\u{C}", 0x6E: "\n",
            0x72: "\r", 0x74: "\t",
        ]
        advance()
        if let scalar = plain[byte] { return scalar }
        guard byte == UInt8(ascii: "u") else {
            throw .syntax(start, message: "unknown escape in a string")
        }
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code), take("\\") == "\\", take("u") == "u" {
            let low = try hexadecimal()
            if (0xDC00..<0xE000).contains(low) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
        }
        guard let scalar = UnicodeScalar(code) else {
            throw .syntax(start, message: "half of a surrogate pair in a string")
        }
        return scalar
    }

    private mutating func hexadecimal() throws(ConfigError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current,
                let digit = Character(UnicodeScalar(byte)).hexDigitValue
            else { throw unexpected("four hexadecimal digits after \\u") }
            code = code * 16 + UInt32(digit)
            advance()
        }
        return code
    }
}
