/// Reads the text of a file's header piece by piece; what it refuses, it refuses with the place.
struct ByteScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next byte, without going on.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    func refusal(_ reason: String) -> Malformed {
        Malformed("\(reason) at byte \(position) of the header")
    }

    /// Passes over blanks and line ends.
    mutating func skipSpaces() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    /// Whether the text stands here; goes behind it if so.
    mutating func accept(_ text: String) -> Bool {
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }

    /// Goes behind the text, which must stand here.
    mutating func expect(_ text: String) throws(Malformed) {
        guard accept(text) else { throw refusal("expected \(text)") }
    }

    /// A whole number of at least zero in decimal digits.
    mutating func wholeNumber() throws(Malformed) -> Int {
        let start = position
        var value = 0
        while let byte = next, 0x30...0x39 ~= byte {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(byte - 0x30))
            if overflow || carry { throw refusal("number too large") }
            value = sum
            position += 1
        }
        if position == start { throw refusal("expected a whole number") }
        if position - start > 1, bytes[start] == 0x30 { throw refusal("number begins with 0") }
        return value
    }

    /// Text between two marks of one kind, without escapes.
    mutating func quoted(_ mark: String) throws(Malformed) -> String {
        try expect(mark)
        let start = position
        while let byte = next, byte != mark.utf8.first { position += 1 }
        guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
            throw refusal("invalid UTF-8")
        }
        try expect(mark)
        return text
    }
}

// JSON (RFC 8259), as far as headers use it.
extension ByteScanner {
    /// An object; `body` reads the value of each key. A key that comes twice is refused.
    mutating func object(
        _ body: (inout ByteScanner, String) throws(Malformed) -> Void
    ) throws(Malformed) {
        var keys: Set<String> = []
        try items("{", "}") { (scanner) throws(Malformed) in
            let key = try scanner.string()
            guard keys.insert(key).inserted else {
                throw scanner.refusal("\"\(key)\" comes twice,")
            }
            scanner.skipSpaces()
            try scanner.expect(":")
            scanner.skipSpaces()
            try body(&scanner, key)
        }
    }

    /// A list of whole numbers of at least zero.
    mutating func wholeNumbers() throws(Malformed) -> [Int] {
        var numbers: [Int] = []
        try items("[", "]") { (scanner) throws(Malformed) in
            numbers.append(try scanner.wholeNumber())
        }
        return numbers
    }

    /// A string.
    mutating func string() throws(Malformed) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while let byte = next, byte != 0x22 {
            guard byte >= 0x20 else { throw refusal("control character in a string") }
            position += 1
            if byte == 0x5C {
                text += try escaped()
            } else {
                text.append(byte)
            }
        }
        guard let result = String(validating: text, as: UTF8.self) else {
            throw refusal("invalid UTF-8")
        }
        try expect("\"")
        return result
    }

    private mutating func items(
        _ open: String, _ close: String, _ body: (inout ByteScanner) throws(Malformed) -> Void
    ) throws(Malformed) {
        try expect(open)
        skipSpaces()
        if accept(close) { return }
        while true {
            try body(&self)
            skipSpaces()
            if accept(close) { return }
            try expect(",")
            skipSpaces()
        }
    }

    /// What stands behind a backslash, as UTF-8.
    private mutating func escaped() throws(Malformed) -> [UInt8] {
        let plain: [(String, UInt8)] = [
            ("\"", 0x22), ("\\", 0x5C), ("/", 0x2F), ("b", 0x08), ("f", 0x0C), ("n", 0x0A),
            ("r", 0x0D), ("t", 0x09),
        ]
        for (letter, byte) in plain where accept(letter) { return [byte] }
        var code = try codeUnit()
        if 0xD800...0xDBFF ~= code, accept("\\") {
            let low = try codeUnit()
            guard 0xDC00...0xDFFF ~= low else { throw refusal("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw refusal("half a surrogate pair") }
        return Array(Character(scalar).utf8)
    }

    private mutating func codeUnit() throws(Malformed) -> UInt32 {
        try expect("u")
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw refusal("expected four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
