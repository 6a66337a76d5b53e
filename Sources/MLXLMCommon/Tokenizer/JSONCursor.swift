/// Walks over a JSON text byte by byte and makes only the values that are asked for.
///
/// A tokenizer file is megabytes of short strings: a tree of them would cost more than the
/// tokenizer. The text must be UTF-8.
struct JSONCursor {
    let bytes: [UInt8]
    /// The file's name, for messages.
    let source: String
    var position = 0
    private var depth = 0

    private static let deepest = 128

    init(_ bytes: [UInt8], source: String) throws(TokenizerError) {
        self.bytes = bytes
        self.source = source
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw .malformed(source, reason: "the file is not UTF-8 text")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The value of a whole text.
    static func value(_ bytes: [UInt8], source: String) throws(TokenizerError) -> OrderedJSON {
        var cursor = try JSONCursor(bytes, source: source)
        let value = try cursor.value()
        try cursor.requireEnd()
        return value
    }

    /// An error at this place.
    func failure(_ reason: String) -> TokenizerError {
        let before = bytes.prefix(position)
        let line = before.count { $0 == 0x0A } + 1
        let lineStart = (before.lastIndex(of: 0x0A) ?? -1) + 1
        let column = bytes[lineStart..<min(position, bytes.count)].count { $0 & 0xC0 != 0x80 } + 1
        return .malformed(source, reason: "line \(line), column \(column): \(reason)")
    }

    /// The next byte that is not white space; 0 at the end.
    mutating func peek() -> UInt8 {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return 0
    }

    private mutating func take(_ byte: UInt8, _ wanted: String) throws(TokenizerError) {
        let found = peek()
        guard found == byte else {
            throw failure(
                position < bytes.count ? "expected \(wanted)" : "the file ends; expected \(wanted)")
        }
        position += 1
    }

    mutating func requireEnd() throws(TokenizerError) {
        _ = peek()
        guard position == bytes.count else { throw failure("expected the end of the file") }
    }
}

extension JSONCursor {
    /// Steps into an object; then ``nextKey(_:)`` until it says false.
    mutating func enterObject() throws(TokenizerError) {
        try take(UInt8(ascii: "{"), "an object")
        try deepen()
    }

    /// Steps into an array; then ``nextElement()`` until it says false.
    mutating func enterArray() throws(TokenizerError) {
        try take(UInt8(ascii: "["), "an array")
        try deepen()
    }

    private mutating func deepen() throws(TokenizerError) {
        depth += 1
        guard depth <= JSONCursor.deepest else { throw failure("nested too deeply") }
    }

    /// Reads the next key of an object into `key`, and the colon; false, and steps out, at its end.
    mutating func nextKey(_ key: inout [UInt8]) throws(TokenizerError) -> Bool {
        guard try goesOn(open: UInt8(ascii: "{"), close: UInt8(ascii: "}")) else { return false }
        try string(&key)
        try take(UInt8(ascii: ":"), "':' after the key")
        return true
    }

    /// Reads the next key of an object, and the colon; nil, and steps out, at its end.
    mutating func nextKey() throws(TokenizerError) -> String? {
        var key: [UInt8] = []
        return try nextKey(&key) ? String(decoding: key, as: UTF8.self) : nil
    }

    /// Whether an array has a next element; steps out at its end.
    mutating func nextElement() throws(TokenizerError) -> Bool {
        try goesOn(open: UInt8(ascii: "["), close: UInt8(ascii: "]"))
    }

    private mutating func goesOn(open: UInt8, close: UInt8) throws(TokenizerError) -> Bool {
        let byte = peek()
        if byte == close {
            position += 1
            depth -= 1
            return false
        }
        if isFirst(open) { return true }
        guard byte == UInt8(ascii: ",") else {
            throw failure(position < bytes.count ? "expected ',' or a bracket" : "the file ends")
        }
        position += 1
        guard peek() != close else { throw failure("a comma before a closing bracket") }
        return true
    }

    /// Whether nothing but white space lies between here and the opening bracket.
    private func isFirst(_ open: UInt8) -> Bool {
        var index = position - 1
        while index >= 0 {
            let byte = bytes[index]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                return byte == open
            }
            index -= 1
        }
        return false
    }
}

extension JSONCursor {
    /// Reads a string into `buffer`, which it replaces.
    mutating func string(_ buffer: inout [UInt8]) throws(TokenizerError) {
        try take(UInt8(ascii: "\""), "a string")
        buffer.removeAll(keepingCapacity: true)
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return
            }
            if byte == UInt8(ascii: "\\") {
                try escape(&buffer)
            } else if byte < 0x20 {
                throw failure("a control character in a string")
            } else {
                buffer.append(byte)
                position += 1
            }
        }
        throw failure("the file ends inside a string")
    }

    mutating func string() throws(TokenizerError) -> String {
        var buffer: [UInt8] = []
        try string(&buffer)
        return String(decoding: buffer, as: UTF8.self)
    }

    private mutating func escape(_ buffer: inout [UInt8]) throws(TokenizerError) {
        guard position + 1 < bytes.count else { throw failure("the file ends inside a string") }
        let byte = bytes[position + 1]
        position += 2
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0C)
        case UInt8(ascii: "n"): buffer.append(0x0A)
        case UInt8(ascii: "r"): buffer.append(0x0D)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "u"): try unicodeEscape(&buffer)
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func unicodeEscape(_ buffer: inout [UInt8]) throws(TokenizerError) {
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code), position + 1 < bytes.count,
            bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
        buffer.append(contentsOf: Unicode.UTF8.encode(scalar) ?? .init())
    }

    private mutating func hexadecimal() throws(TokenizerError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count,
                let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
            else { throw failure("expected four hexadecimal digits after \\u") }
            code = code * 16 + UInt32(digit)
            position += 1
        }
        return code
    }
}

extension JSONCursor {
    /// Reads a whole number of at most nine digits, not negative: a token's id.
    mutating func id() throws(TokenizerError) -> Int {
        _ = peek()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position] &- 0x30, digit < 10 {
            value = value * 10 + Int(digit)
            position += 1
            guard position - start <= 9 else { throw failure("a token's id is too large") }
        }
        guard position > start else { throw failure("expected a token's id") }
        return value
    }

    /// Reads any value.
    mutating func value() throws(TokenizerError) -> OrderedJSON {
        switch peek() {
        case UInt8(ascii: "{"):
            var members: [OrderedJSON.Member] = []
            try enterObject()
            while let key = try nextKey() { members.append(.init(key, try value())) }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [OrderedJSON] = []
            try enterArray()
            while try nextElement() { elements.append(try value()) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try string())
        default: return try plain()
        }
    }

    /// Steps over any value.
    mutating func skip() throws(TokenizerError) {
        switch peek() {
        case UInt8(ascii: "{"):
            try enterObject()
            while try goesOn(open: UInt8(ascii: "{"), close: UInt8(ascii: "}")) {
                try skipString()
                try take(UInt8(ascii: ":"), "':' after the key")
                try skip()
            }
        case UInt8(ascii: "["):
            try enterArray()
            while try nextElement() { try skip() }
        case UInt8(ascii: "\""): try skipString()
        default: if !skipDigits() { _ = try plain() }
        }
    }

    /// Steps over a whole number of ordinary size; false, and goes nowhere, where there is none.
    private mutating func skipDigits() -> Bool {
        var index = position
        while index < bytes.count, 0x30...0x39 ~= bytes[index] { index += 1 }
        guard 1...18 ~= index - position, index < bytes.count, JSONCursor.ends(bytes[index]) else {
            return false
        }
        position = index
        return true
    }

    /// Whether a byte ends a number or a word.
    private static func ends(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x2C, 0x5D, 0x7D, 0x20, 0x0A, 0x0D, 0x09, 0x3A: true  // , ] } white space :
        default: false
        }
    }

    private mutating func skipString() throws(TokenizerError) {
        try take(UInt8(ascii: "\""), "a string")
        while position < bytes.count {
            let byte = bytes[position]
            position += byte == UInt8(ascii: "\\") ? 2 : 1
            if byte == UInt8(ascii: "\"") { return }
        }
        throw failure("the file ends inside a string")
    }

    /// A number, true, false or null.
    mutating func plain() throws(TokenizerError) -> OrderedJSON {
        let start = position
        while position < bytes.count, !JSONCursor.ends(bytes[position]) { position += 1 }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        switch word {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default: break
        }
        let first = word.utf8.first.map { $0 == UInt8(ascii: "-") || 0x30...0x39 ~= $0 } ?? false
        if first, let value = Int(word) { return .int(value) }
        if first, let value = Double(word), value.isFinite { return .double(value) }
        position = start
        throw failure(word.isEmpty ? "expected a value" : "expected a value, found \"\(word)\"")
    }
}
