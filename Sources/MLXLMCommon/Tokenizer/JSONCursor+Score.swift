extension JSONCursor {
    /// Reads a token's score, to the bit as the package `tokenizers` does.
    ///
    /// Its reader takes the digits as one whole number, as far as 64 bits hold it, and scales that by
    /// one power of ten. The last place may differ from the nearest number, and with it which of two
    /// equally probable spellings is the better one.
    mutating func score() throws(TokenizerError) -> Double {
        let byte = peek()
        guard byte == UInt8(ascii: "-") || 0x30...0x39 ~= byte else {
            throw failure("expected a number")
        }
        let start = position
        _ = try plain()
        return JSONCursor.score(bytes[start..<position])
    }

    /// The value of a JSON number.
    private static func score(_ text: ArraySlice<UInt8>) -> Double {
        var digits: UInt64 = 0
        var exponent = 0
        var isFraction = false
        var isFull = false
        var rest = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
        while let byte = rest.first, byte == UInt8(ascii: ".") || 0x30...0x39 ~= byte {
            rest = rest.dropFirst()
            guard byte != UInt8(ascii: ".") else {
                isFraction = true
                continue
            }
            let tens = digits.multipliedReportingOverflow(by: 10)
            let next = tens.partialValue.addingReportingOverflow(UInt64(byte - 0x30))
            if tens.overflow || next.overflow { isFull = true }
            if isFull {
                if !isFraction { exponent += 1 }
            } else {
                digits = next.partialValue
                if isFraction { exponent -= 1 }
            }
        }
        let written = rest.isEmpty ? 0 : Int(String(decoding: rest.dropFirst(), as: UTF8.self))
        let value = scaled(Double(digits), by: exponent + (written ?? 0))
        return text.first == UInt8(ascii: "-") ? -value : value
    }

    private static let powers: [Double] = (0...308).compactMap { Double("1e\($0)") }

    private static func scaled(_ value: Double, by exponent: Int) -> Double {
        var value = value
        var exponent = exponent
        while exponent < -308, value != 0 {
            value /= powers[308]
            exponent += 308
        }
        return exponent < 0
            ? value / powers[min(-exponent, 308)] : value * powers[min(exponent, 308)]
    }
}
