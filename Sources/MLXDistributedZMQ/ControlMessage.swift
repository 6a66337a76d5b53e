import MLXDistributed

/// What ranks tell rank 0 and rank 0 tells the ranks, beside the collectives.
struct ControlMessage: Equatable, Sendable {
    enum Kind: UInt8 {
        /// A rank wants to join; `text` is its endpoint, a space and its process in words.
        case hello = 1
        /// All ranks have joined; `text` is a line for each of them.
        case welcome
        /// The rank may not join; `text` says why.
        case refused
        /// The sender lives.
        case beat
        /// The job has failed: `rank` says so and ended with the status `number`.
        case abort
        /// A rank takes part in no further collective.
        case left
        /// All ranks have left.
        case end
    }

    let kind: Kind
    var rank: Int
    var number: Int
    var session: UInt64
    var text: String

    init(
        _ kind: Kind, rank: Int, number: Int = 0, session: UInt64 = 0, text: String = ""
    ) {
        self.kind = kind
        self.rank = rank
        self.number = number
        self.session = session
        self.text = text
    }
}

extension ControlMessage {
    private static let magic: UInt64 = 0x435A_584C_4D  // "MLXZC"
    private static let version: UInt64 = 1
    private static let headBytes = 48

    /// The largest message of a world of `size` ranks.
    static func limit(size: Int) -> Int { headBytes + 1024 + 512 * size }

    /// The message as it travels; little-endian words and text.
    func encoded(job: UInt64, epoch: UInt32) -> [UInt8] {
        let words: [UInt64] = [
            Self.magic << 16 | Self.version << 8 | UInt64(kind.rawValue), job, UInt64(epoch),
            session, UInt64(rank), UInt64(number),
        ]
        return words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
            + Array(text.utf8)
    }

    /// What was read from bytes that came.
    enum Reading: Equatable {
        case message(ControlMessage)
        /// A well-formed message of another job or start.
        case foreign
        case nothing
    }

    static func read(_ bytes: [UInt8], job: UInt64, epoch: UInt32) -> Reading {
        guard bytes.count >= headBytes else { return .nothing }
        let words = bytes.withUnsafeBytes { bytes in
            (0..<6).map {
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
            }
        }
        guard words[0] >> 8 == magic << 8 | version,
            let kind = Kind(rawValue: UInt8(truncatingIfNeeded: words[0])),
            let rank = Int(exactly: words[4]), let number = Int(exactly: words[5])
        else { return .nothing }
        guard words[1] == job, words[2] == UInt64(epoch) else { return .foreign }
        let text = String(decoding: bytes.dropFirst(headBytes), as: UTF8.self)
        return .message(
            ControlMessage(kind, rank: rank, number: number, session: words[3], text: text))
    }
}
