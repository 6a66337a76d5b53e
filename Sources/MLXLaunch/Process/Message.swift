/// What the launcher and an agent say to each other.
package enum Message: Equatable, Sendable {
    // From the launcher.
    case start(RankStart)
    case signal(Int32)
    /// Kill everything and leave.
    case end
    // From both, so that each knows that the other lives.
    case ping
    // From the agent.
    case hello(Hello)
    case started(rank: Int, process: Int32)
    case output(rank: Int, stream: UInt8, [UInt8])
    case ended(rank: Int, RankEnd)
    /// A rank could not be started.
    case refused(rank: Int, reason: String)
}

/// A rank to be started by an agent.
package struct RankStart: Equatable, Sendable {
    /// The rank's number; `RankStart.launcher` for mpirun, which is none.
    var rank: Int
    var arguments: [String]
    /// Variables to set, `NAME=value` each.
    var variables: [String]
    /// Beginnings of the names of variables to take away before.
    var removed: [String]
    /// The working folder; "" for the agent's.
    var folder: String

    /// The number in place of a rank's for the launcher of another kind.
    static let launcher = -1

    package init(
        rank: Int, arguments: [String], variables: [String], removed: [String], folder: String
    ) {
        self.rank = rank
        self.arguments = arguments
        self.variables = variables
        self.removed = removed
        self.folder = folder
    }
}

/// What an agent says first.
package struct Hello: Equatable, Sendable {
    /// The secret of the launch, where the agent came over a socket.
    var token: String
    /// The rank that mpirun gave it; -1 for the agent of a host.
    var rank: Int
    var localRank: Int
    var localSize: Int
    var host: String

    package init(token: String, rank: Int, localRank: Int, localSize: Int, host: String) {
        self.token = token
        self.rank = rank
        self.localRank = localRank
        self.localSize = localSize
        self.host = host
    }
}

/// How a rank ended.
package struct RankEnd: Equatable, Sendable {
    /// The exit status, 0 where a signal ended it.
    var status: Int32
    /// The signal that ended it, or 0.
    var signal: Int32
    /// The last step it told of, or -1.
    var step: Int

    package init(status: Int32, signal: Int32, step: Int) {
        self.status = status
        self.signal = signal
        self.step = step
    }

    /// Whether the status is one with which all ranks end together, as the one that tells why asks them.
    var isShared: Bool {
        signal == 0 && LaunchStatus.usage...LaunchStatus.interrupted ~= status
            && status != LaunchStatus.unavailable
    }

    /// The status as a shell gives it.
    var code: Int32 { signal == 0 ? status : 128 + signal }
}

extension Message {
    /// The largest message in bytes.
    static let limit = 4 << 20

    /// The message in bytes: its length in 4 bytes, its kind, its parts.
    package var bytes: [UInt8] {
        var writer = MessageWriter()
        switch self {
        case .start(let start):
            writer.put(byte: 1)
            writer.put(start.rank)
            writer.put(start.arguments)
            writer.put(start.variables)
            writer.put(start.removed)
            writer.put(start.folder)
        case .signal(let number):
            writer.put(byte: 2)
            writer.put(Int(number))
        case .end: writer.put(byte: 3)
        case .ping: writer.put(byte: 4)
        case .hello(let hello):
            writer.put(byte: 5)
            writer.put(hello.token)
            for number in [hello.rank, hello.localRank, hello.localSize] { writer.put(number) }
            writer.put(hello.host)
        case .started(let rank, let process):
            writer.put(byte: 6)
            writer.put(rank)
            writer.put(Int(process))
        case .output(let rank, let stream, let text):
            writer.put(byte: 7)
            writer.put(rank)
            writer.put(byte: stream)
            writer.put(text)
        case .ended(let rank, let end):
            writer.put(byte: 8)
            for number in [rank, Int(end.status), Int(end.signal), end.step] { writer.put(number) }
        case .refused(let rank, let reason):
            writer.put(byte: 9)
            writer.put(rank)
            writer.put(reason)
        }
        return writer.framed
    }

    /// Reads a message without its length; nil where the bytes are none.
    package init?(_ bytes: some Sequence<UInt8>) {
        var reader = MessageReader(Array(bytes))
        switch reader.byte() {
        case 1:
            self = .start(
                RankStart(
                    rank: reader.number(), arguments: reader.texts(), variables: reader.texts(),
                    removed: reader.texts(), folder: reader.text()))
        case 2: self = .signal(Int32(truncatingIfNeeded: reader.number()))
        case 3: self = .end
        case 4: self = .ping
        case 5:
            self = .hello(
                Hello(
                    token: reader.text(), rank: reader.number(), localRank: reader.number(),
                    localSize: reader.number(), host: reader.text()))
        case 6:
            self = .started(
                rank: reader.number(), process: Int32(truncatingIfNeeded: reader.number()))
        case 7: self = .output(rank: reader.number(), stream: reader.byte(), reader.list())
        case 8:
            let rank = reader.number()
            let numbers = (reader.number(), reader.number(), reader.number())
            self = .ended(
                rank: rank,
                RankEnd(
                    status: Int32(truncatingIfNeeded: numbers.0),
                    signal: Int32(truncatingIfNeeded: numbers.1), step: numbers.2))
        case 9: self = .refused(rank: reader.number(), reason: reader.text())
        default: return nil
        }
        guard reader.isComplete else { return nil }
    }
}

private struct MessageWriter {
    private var bytes: [UInt8] = []

    var framed: [UInt8] {
        withUnsafeBytes(of: UInt32(bytes.count).littleEndian, Array.init) + bytes
    }

    mutating func put(byte: UInt8) { bytes.append(byte) }
    mutating func put(_ number: Int) {
        bytes += withUnsafeBytes(of: Int64(number).littleEndian, Array.init)
    }
    mutating func put(_ list: [UInt8]) {
        put(list.count)
        bytes += list
    }
    mutating func put(_ text: String) { put(Array(text.utf8)) }
    mutating func put(_ texts: [String]) {
        put(texts.count)
        for text in texts { put(text) }
    }
}

/// Reads the parts of a message; one that is missing reads as 0 or empty, and the message as
/// incomplete.
private struct MessageReader {
    private let bytes: [UInt8]
    private var position = 0
    private var isShort = false

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isComplete: Bool { !isShort && position == bytes.count }

    mutating func byte() -> UInt8 { take(1).first ?? 0 }
    mutating func number() -> Int {
        Int(Int64(bitPattern: take(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }))
    }
    mutating func list() -> [UInt8] { Array(take(number())) }
    mutating func text() -> String { String(decoding: list(), as: UTF8.self) }
    mutating func texts() -> [String] {
        let count = number()
        guard count >= 0, count <= bytes.count else {
            isShort = true
            return []
        }
        return (0..<count).map { _ in text() }
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.count - position else {
            isShort = true
            return []
        }
        defer { position += count }
        return bytes[position..<(position + count)]
    }
}
