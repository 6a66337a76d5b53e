/// The beginning of a file in numpy's format (numpy.lib.format, versions 1 to 3): what numbers
/// follow it.
struct NpyHeader: Equatable {
    let type: NumberType
    let shape: [Int]
    /// The place of the first number.
    let start: Int

    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// Bytes that hold any header of ours.
    static let limit = 1 << 16

    /// Reads the first bytes of a file; the error is the end of a sentence that begins with it.
    init(_ bytes: [UInt8]) throws(RefusalReason) {
        guard bytes.starts(with: NpyHeader.magic), bytes.count >= 12 else {
            throw RefusalReason("does not begin as npy files do")
        }
        let isShort = bytes[6] == 1
        let begin = isShort ? 10 : 12
        let length = bytes[8..<begin].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= begin + length else { throw RefusalReason("has no whole header") }
        let text = String(decoding: bytes[begin..<begin + length], as: UTF8.self)
        let type = NpyHeader.value(of: "descr", in: text).split(separator: "'").first ?? ""
        let kinds = "<|=".contains(type.first ?? " ") ? type.dropFirst() : ""
        guard let numbers = NumberType(rawValue: String(kinds)) else {
            throw RefusalReason(
                "holds numbers of the type \(JSONNode.quoted(String(type))); this program reads u1,"
                    + " i1, u2, i2, u4, i4, i8, f4 and f8, the lowest byte first")
        }
        guard NpyHeader.value(of: "fortran_order", in: text).hasPrefix("False") else {
            throw RefusalReason("is in Fortran's order; save numpy.ascontiguousarray of it")
        }
        let sizes = NpyHeader.value(of: "shape", in: text)
            .drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }
            .split(separator: ",").map { $0.filter { $0 != " " } }
            .filter { !$0.isEmpty }.map { Int($0) ?? -1 }
        guard sizes.allSatisfy({ $0 >= 0 }) else { throw RefusalReason("has no sound shape") }
        (self.type, shape, start) = (numbers, sizes, begin + length)
    }

    /// The bytes of all numbers; nil beyond all sizes.
    var byteCount: Int? {
        var count = type.size
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            count = product
        }
        return count
    }

    /// What follows a key of the header, which is written as a dictionary of Python.
    private static func value(of key: String, in text: String) -> Substring {
        guard let place = text.firstRange(of: "'\(key)':") else { return "" }
        return text[place.upperBound...].drop { $0 == " " }
    }
}
