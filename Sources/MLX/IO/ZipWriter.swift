/// Writes a ZIP archive front to back.
package struct ZipWriter {
    /// Hands the bytes of a member to a sink, the same ones at every call.
    package typealias Content = ((UnsafeRawBufferPointer) throws -> Void) throws -> Void

    private let sink: (UnsafeRawBufferPointer) throws -> Void
    private let isCompressed: Bool
    /// Numbers from here on stand in ZIP64 fields.
    private let wide: UInt64
    private var members: [Zip.Member] = []
    private var position: UInt64 = 0

    /// 1 January 1980, the first day that the format knows: the same arrays give the same bytes.
    private static let date: UInt16 = 1 << 5 | 1

    package init(
        isCompressed: Bool, wide: UInt64 = 0xFFFF_FFFF,
        to sink: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) {
        self.isCompressed = isCompressed
        self.wide = wide
        self.sink = sink
    }

    /// Writes a member.
    package mutating func add(_ name: String, _ content: Content) throws {
        var member = Zip.Member(
            name: name, method: isCompressed ? Zip.deflated : Zip.stored, checksum: 0,
            packedCount: 0, count: 0, offset: position)
        var packed: [UInt8] = []
        try content { piece in
            member.checksum = Deflate.checksum(piece, member.checksum)
            member.count += UInt64(piece.count)
        }
        member.packedCount = member.count
        if isCompressed {
            packed = try Deflate.deflate(content)
            member.packedCount = UInt64(packed.count)
        }
        try write(localHeader(member))
        if isCompressed {
            try packed.withUnsafeBytes(sink)
        } else {
            try content(sink)
        }
        position += member.packedCount
        members.append(member)
    }

    /// Writes the directory.
    package mutating func finish() throws {
        let start = position
        for member in members { try write(entry(member)) }
        let (size, count) = (position - start, UInt64(members.count))
        if start >= wide || size >= wide || count >= min(wide, Zip.elsewhereShort) {
            try write(wideEnd(start, size, count))
        }
        var end = Fields()
        end.append(Zip.endSignature, UInt32(0))
        let shown = count >= min(wide, Zip.elsewhereShort) ? UInt16.max : UInt16(count)
        end.append(shown, shown)
        end.append(short(size), short(start))
        end.append(UInt16(0))
        try write(end)
    }

    private func localHeader(_ member: Zip.Member) -> Fields {
        // Readers take both sizes from the extra field or none.
        let isWide = max(member.count, member.packedCount) >= wide
        var extra = Fields()
        if isWide {
            extra.append(Zip.wideField, UInt16(16))
            extra.append(member.count, member.packedCount)
        }
        var header = Fields()
        header.append(Zip.localSignature)
        header.append(isWide ? 45 : 20, Zip.isUTF8, member.method, 0, Self.date)
        let sizes = isWide ? [.max, .max] : [UInt32(member.packedCount), UInt32(member.count)]
        header.append(member.checksum, sizes[0], sizes[1])
        header.append(UInt16(member.name.utf8.count), UInt16(extra.bytes.count))
        header.bytes += Array(member.name.utf8) + extra.bytes
        return header
    }

    private func entry(_ member: Zip.Member) -> Fields {
        let numbers = [member.count, member.packedCount, member.offset].filter { $0 >= wide }
        var extra = Fields()
        if !numbers.isEmpty {
            extra.append(Zip.wideField, UInt16(8 * numbers.count))
            for number in numbers { extra.append(number) }
        }
        let version: UInt16 = numbers.isEmpty ? 20 : 45
        var entry = Fields()
        entry.append(Zip.entrySignature)
        entry.append(version, version, Zip.isUTF8, member.method, 0, Self.date)
        entry.append(member.checksum, short(member.packedCount), short(member.count))
        entry.append(UInt16(member.name.utf8.count), UInt16(extra.bytes.count), 0, 0, 0)
        entry.append(UInt32(0), short(member.offset))
        entry.bytes += Array(member.name.utf8) + extra.bytes
        return entry
    }

    private func wideEnd(_ start: UInt64, _ size: UInt64, _ count: UInt64) -> Fields {
        var end = Fields()
        end.append(Zip.wideEndSignature)
        end.append(UInt64(Zip.wideEndSize - 12))
        end.append(UInt16(45), UInt16(45))
        end.append(UInt32(0), UInt32(0))
        end.append(count, count, size, start)
        end.append(Zip.locatorSignature, UInt32(0))
        end.append(position)
        end.append(UInt32(1))
        return end
    }

    /// A number for a 32-bit field.
    private func short(_ number: UInt64) -> UInt32 {
        number >= wide ? .max : UInt32(number)
    }

    private mutating func write(_ fields: Fields) throws {
        try fields.bytes.withUnsafeBytes(sink)
        position += UInt64(fields.bytes.count)
    }

    /// Little-endian numbers one behind the other.
    private struct Fields {
        var bytes: [UInt8] = []

        mutating func append<T: FixedWidthInteger>(_ numbers: T...) {
            for number in numbers {
                withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
    }
}
