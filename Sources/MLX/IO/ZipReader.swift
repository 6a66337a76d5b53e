/// Reads the members of a ZIP archive; never beyond the bytes' end, and never more than they can
/// hold.
struct ZipReader {
    let members: [Zip.Member]
    private let source: ArraySource
    /// Where the data of each member lie.
    private var places: [Range<Int>] = []

    /// Reads the directory; refuses what is encrypted, packed otherwise, or overlaps.
    init(_ source: ArraySource) throws(Malformed) {
        self.source = source
        let bytes = ByteFields(bytes: source.bytes)
        let directory = try Self.directory(bytes)
        var members: [Zip.Member] = []
        var names: Set<String> = []
        var position = directory.start
        for number in 0..<directory.count {
            let (member, next) = try Self.entry(number, bytes, position, directory.end)
            guard names.insert(member.name).inserted else {
                throw Malformed("member \"\(member.name)\" comes twice")
            }
            members.append(member)
            position = next
        }
        self.members = members
        for member in members {
            places.append(try Self.place(member, bytes, directory.start))
        }
        try checkOverlaps()
    }

    /// The bytes of a member, whose checksum is right: in the file where they are stored so, else
    /// decompressed.
    func content(_ number: Int) throws(Malformed) -> ArraySource {
        let member = members[number]
        let packed = source.part(places[number])
        do throws(Malformed) {
            var content = packed
            if member.method == Zip.deflated {
                let memory = try FileBytes(count: Int(member.count)) { (room) throws(Malformed) in
                    try Deflate.inflate(packed.bytes, into: room)
                }
                content = ArraySource(bytes: memory.bytes, file: memory)
            }
            guard Deflate.checksum(content.bytes) == member.checksum else {
                throw Malformed("the checksum (CRC-32) is wrong")
            }
            return content
        } catch {
            throw Malformed("member \"\(member.name)\": \(error.reason)")
        }
    }

    private struct Directory {
        let start: Int
        let end: Int
        let count: Int
    }

    /// Finds the directory through the record at the end, which a comment may follow.
    private static func directory(_ bytes: ByteFields) throws(Malformed) -> Directory {
        let count = bytes.count
        guard count >= Zip.endSize else { throw Malformed("\(count) bytes are no ZIP archive") }
        let first = max(0, count - Zip.endSize - Int(UInt16.max))
        let found = (first...count - Zip.endSize).last {
            bytes.word($0) == Zip.endSignature
                && bytes.short($0 + 20).map { Int($0) } == count - Zip.endSize - $0
        }
        guard let found else { throw Malformed("the end of the ZIP directory is missing") }
        var entries = UInt64(bytes.short(found + 10) ?? 0)
        var size = UInt64(bytes.word(found + 12) ?? 0)
        var offset = UInt64(bytes.word(found + 16) ?? 0)
        var limit = found
        if entries == Zip.elsewhereShort || size == Zip.elsewhere || offset == Zip.elsewhere,
            let locator = bytes.word(found - Zip.locatorSize), locator == Zip.locatorSignature
        {
            let place = bytes.long(found - Zip.locatorSize + 8) ?? .max
            guard place <= UInt64(found - Zip.locatorSize),
                bytes.word(Int(place)) == Zip.wideEndSignature,
                let wideEntries = bytes.long(Int(place) + 32),
                let wideSize = bytes.long(Int(place) + 40),
                let wideOffset = bytes.long(Int(place) + 48)
            else { throw Malformed("the ZIP64 record is not at \(place)") }
            (entries, size, offset, limit) = (wideEntries, wideSize, wideOffset, Int(place))
        }
        guard offset <= UInt64(limit), size == UInt64(limit) - offset else {
            throw Malformed("the ZIP directory of \(size) bytes at \(offset) is out of place")
        }
        guard entries <= size / UInt64(Zip.entrySize) else {
            throw Malformed("the ZIP directory promises \(entries) members")
        }
        return Directory(start: Int(offset), end: limit, count: Int(entries))
    }

    /// An entry of the directory, and where the next one begins.
    private static func entry(
        _ number: Int, _ bytes: ByteFields, _ start: Int, _ end: Int
    ) throws(Malformed) -> (Zip.Member, Int) {
        guard end - start >= Zip.entrySize, bytes.word(start) == Zip.entrySignature,
            let flags = bytes.short(start + 8), let method = bytes.short(start + 10),
            let checksum = bytes.word(start + 16), let packed = bytes.word(start + 20),
            let count = bytes.word(start + 24), let nameCount = bytes.short(start + 28),
            let extraCount = bytes.short(start + 30), let commentCount = bytes.short(start + 32),
            let offset = bytes.word(start + 42)
        else { throw Malformed("member \(number) has no entry in the ZIP directory") }
        let name = start + Zip.entrySize
        let extra = name + Int(nameCount)
        let next = extra + Int(extraCount) + Int(commentCount)
        guard next <= end, let text = bytes.text(name..<extra) else {
            throw Malformed("the name of member \(number) is cut off or not UTF-8")
        }
        guard flags & Zip.isEncrypted == 0 else {
            throw Malformed("member \"\(text)\" is encrypted")
        }
        guard method == Zip.stored || method == Zip.deflated else {
            throw Malformed("member \"\(text)\" is packed by the unknown method \(method)")
        }
        var member = Zip.Member(
            name: text, method: method, checksum: checksum, packedCount: UInt64(packed),
            count: UInt64(count), offset: UInt64(offset))
        try widen(&member, bytes, extra..<extra + Int(extraCount))
        return (member, next)
    }

    /// Takes the numbers that the entry has no room for from the extra field of ZIP64.
    private static func widen(
        _ member: inout Zip.Member, _ bytes: ByteFields, _ extra: Range<Int>
    ) throws(Malformed) {
        var position = extra.lowerBound
        while position + 4 <= extra.upperBound {
            guard let kind = bytes.short(position), let size = bytes.short(position + 2),
                position + 4 + Int(size) <= extra.upperBound
            else { throw Malformed("member \"\(member.name)\" has a broken extra field") }
            var field = position + 4
            let end = field + Int(size)
            position = end
            guard kind == Zip.wideField else { continue }
            for number in [\Zip.Member.count, \.packedCount, \.offset]
            where member[keyPath: number] == Zip.elsewhere {
                guard field + 8 <= end, let value = bytes.long(field) else {
                    throw Malformed("member \"\(member.name)\" has a short ZIP64 field")
                }
                member[keyPath: number] = value
                field += 8
            }
            return
        }
    }

    /// Where the data of a member lie, behind its local header.
    private static func place(
        _ member: Zip.Member, _ bytes: ByteFields, _ end: Int
    ) throws(Malformed) -> Range<Int> {
        let fault = "member \"\(member.name)\""
        guard member.offset <= UInt64(end), bytes.word(Int(member.offset)) == Zip.localSignature,
            let nameCount = bytes.short(Int(member.offset) + 26),
            let extraCount = bytes.short(Int(member.offset) + 28)
        else { throw Malformed("\(fault) has no header at \(member.offset)") }
        let name = Int(member.offset) + Zip.localSize
        let start = name + Int(nameCount) + Int(extraCount)
        guard start <= end, bytes.text(name..<name + Int(nameCount)) == member.name else {
            throw Malformed("\(fault) has another name in its header")
        }
        guard member.packedCount <= UInt64(end - start) else {
            throw Malformed("\(fault) of \(member.packedCount) bytes leads out of the archive")
        }
        // Before any memory is asked for: no deflated byte gives more.
        let most =
            member.method == Zip.stored
            ? member.packedCount : member.packedCount * Deflate.mostRatio
        guard member.count <= most, member.method == Zip.deflated || member.count == most else {
            throw Malformed(
                "\(fault) can't be \(member.count) bytes, packed in \(member.packedCount)")
        }
        return start..<start + Int(member.packedCount)
    }

    /// Members that share bytes would let a small file ask for much memory.
    private func checkOverlaps() throws(Malformed) {
        var end = 0
        for number in places.indices.sorted(by: { members[$0].offset < members[$1].offset }) {
            guard members[number].offset >= UInt64(end) else {
                throw Malformed("member \"\(members[number].name)\" overlaps another")
            }
            end = places[number].upperBound
        }
    }
}

/// Little-endian numbers and text at places of bytes; nil beyond their end.
private struct ByteFields {
    let bytes: UnsafeRawBufferPointer

    var count: Int { bytes.count }

    func short(_ place: Int) -> UInt16? { number(place) }
    func word(_ place: Int) -> UInt32? { number(place) }
    func long(_ place: Int) -> UInt64? { number(place) }

    func text(_ range: Range<Int>) -> String? {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
        return String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }

    private func number<T: FixedWidthInteger>(_ place: Int) -> T? {
        guard place >= 0, place <= bytes.count - MemoryLayout<T>.size else { return nil }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: T.self))
    }
}
