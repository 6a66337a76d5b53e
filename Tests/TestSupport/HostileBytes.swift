/// Damages files as a fault or an attacker would: the same damage for the same seed.
package struct HostileBytes {
    private var values: Values

    package init(seed: UInt64) { values = Values(seed: seed) }

    package mutating func below(_ bound: Int) -> Int {
        bound <= 1 ? 0 : Int(values.bits() % UInt64(bound))
    }

    /// The bytes with one to four damages; `header` tells how many of the first bytes tell of the
    /// rest, which most damages hit, and `others` are files that parts are taken from.
    package mutating func damaged(
        _ original: [UInt8], header: Int, others: [[UInt8]] = []
    ) -> [UInt8] {
        var bytes = original
        for _ in 0...below(4) { damage(&bytes, header: min(header, bytes.count), others) }
        return bytes
    }

    /// The bytes of a function's file with one to three of their numbers in digits replaced by
    /// others, so that JSON stays JSON.
    package mutating func forged(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        func isDigit(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte }
        let texts = [
            "0", "1", "2", "3", "4", "5", "6", "8", "12", "13", "-1", "-2", "100", "65536",
            "2147483648", "1099511627776", "4611686018427387904", "9223372036854775807",
            "-9223372036854775808",
        ]
        for _ in 0...below(3) {
            let text = bytes.firstIndex(of: UInt8(ascii: "[")) ?? 0
            let place = text + below(bytes.count - text)
            guard let start = bytes[place...].firstIndex(where: isDigit) else { continue }
            let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
            bytes.replaceSubrange(start..<end, with: Array(texts[below(texts.count)].utf8))
        }
        // The length of the text stands in front of it.
        let change = bytes.count - original.count
        let length = original[16..<24].reversed().reduce(0) { $0 << 8 | Int($1) } + change
        for index in 0..<8 { bytes[16 + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
        return bytes
    }

    private mutating func damage(_ bytes: inout [UInt8], header: Int, _ others: [[UInt8]]) {
        if bytes.isEmpty { return bytes.append(UInt8(below(256))) }
        let place = place(bytes, header)
        switch below(15) {
        case 0, 1: bytes[place] ^= 1 << UInt8(below(8))
        case 2: bytes[place] = telling()
        case 3: bytes.insert(telling(), at: place)
        case 4: bytes.remove(at: place)
        case 5: bytes.removeLast(below(bytes.count) + 1)
        case 6: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(40)))
        case 7: bytes.insert(contentsOf: part(bytes, 64), at: place)
        case 8:
            let source = others.isEmpty ? bytes : others[below(others.count)]
            overwrite(&bytes, place, part(source, 64))
        case 9, 10: overwriteNumber(&bytes, place)
        case 11, 12: replaceDigits(&bytes, near: place)
        case 13: repeatMember(&bytes, near: place)
        default: insertText(&bytes, at: place)
        }
    }

    private mutating func place(_ bytes: [UInt8], _ header: Int) -> Int {
        below(4) > 0 && header > 0 ? below(header) : below(bytes.count)
    }

    private mutating func telling() -> UInt8 {
        let telling = Array("0123456789{}[](),:\"'\\ue-.<>|TF ".utf8) + [0, 0x7F, 0x80, 0xFF]
        return telling[below(telling.count)]
    }

    private mutating func part(_ bytes: [UInt8], _ most: Int) -> [UInt8] {
        if bytes.isEmpty { return [] }
        let start = below(bytes.count)
        return Array(bytes[start..<min(bytes.count, start + 1 + below(most))])
    }

    private func overwrite(_ bytes: inout [UInt8], _ place: Int, _ part: [UInt8]) {
        for (index, byte) in part.enumerated() where place + index < bytes.count {
            bytes[place + index] = byte
        }
    }

    /// A little-endian number of one to eight bytes at an end of some range, or near a size.
    private mutating func overwriteNumber(_ bytes: inout [UInt8], _ place: Int) {
        let numbers: [UInt64] = [
            0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 40,
            1 << 62, 1 << 63, .max, .max - 7, UInt64(bytes.count), UInt64(bytes.count) * 2,
            UInt64(max(bytes.count - 8, 0)), UInt64(below(bytes.count)),
        ]
        let number = numbers[below(numbers.count)]
        let size = 1 << below(4)
        overwrite(&bytes, place, (0..<size).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
    }

    /// The next number in digits, replaced by an odd one.
    private mutating func replaceDigits(_ bytes: inout [UInt8], near place: Int) {
        func isDigit(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte }
        guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        let texts = [
            "0", "1", "2", "3", "-1", "-2", "7", "64", "1000003", "4294967296",
            "4611686018427387904", "9223372036854775807", "-9223372036854775808",
            "18446744073709551616", "99999999999999999999999", "1.5", "1e9", "01", "null", "[]",
            "\"x\"", "true", "\(below(100))",
        ]
        bytes.replaceSubrange(start..<end, with: Array(texts[below(texts.count)].utf8))
    }

    /// A piece up to a comma, twice: a key or an item that comes again.
    private mutating func repeatMember(_ bytes: inout [UInt8], near place: Int) {
        guard let start = bytes[place...].firstIndex(of: UInt8(ascii: ",")) else { return }
        let rest = bytes[(start + 1)...]
        guard let end = rest.firstIndex(of: UInt8(ascii: ",")), end - start < 4096 else { return }
        bytes.insert(contentsOf: Array(bytes[start..<end]), at: end)
    }

    private mutating func insertText(_ bytes: inout [UInt8], at place: Int) {
        let texts = [
            String(repeating: "[", count: 20_000), String(repeating: "{\"a\":", count: 5000),
            "(" + String(repeating: "1, ", count: 3000) + "1)",
            "[" + String(repeating: "1,", count: 3000) + "1]", "\\ud800", "\u{0}", "../../etc/",
            ",\"data_offsets\":[0,0]", "\"\":", "-", "NaN", "[4294967296,4294967296]",
        ]
        bytes.insert(contentsOf: Array(texts[below(texts.count)].utf8), at: place)
    }
}
