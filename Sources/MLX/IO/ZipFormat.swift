/// The numbers of the ZIP format: signatures, sizes and flags of its records, all little-endian.
///
/// A file is its members, each behind a local header, then the directory, which lists them once
/// more, then the directory's place. Sizes and places beyond 32 bits stand in extra fields (ZIP64).
/// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
enum Zip {
    /// A member of an archive: its name and what its header says of it.
    struct Member {
        var name: String
        var method: UInt16
        var checksum: UInt32
        var packedCount: UInt64
        var count: UInt64
        /// Where the local header lies.
        var offset: UInt64
    }

    static let stored: UInt16 = 0
    static let deflated: UInt16 = 8

    static let localSignature: UInt32 = 0x0403_4B50
    static let entrySignature: UInt32 = 0x0201_4B50
    static let endSignature: UInt32 = 0x0605_4B50
    static let wideEndSignature: UInt32 = 0x0606_4B50
    static let locatorSignature: UInt32 = 0x0706_4B50

    static let localSize = 30
    static let entrySize = 46
    static let endSize = 22
    static let wideEndSize = 56
    static let locatorSize = 20

    /// The extra field of ZIP64.
    static let wideField: UInt16 = 1
    /// What a 32-bit or a 16-bit field says when the number stands elsewhere.
    static let elsewhere = UInt64(UInt32.max)
    static let elsewhereShort = UInt64(UInt16.max)

    static let isEncrypted: UInt16 = 1
    static let isUTF8: UInt16 = 1 << 11
}
