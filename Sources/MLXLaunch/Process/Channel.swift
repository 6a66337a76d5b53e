import Glibc

/// Messages over a pair of pipes or a socket, without ever blocking.
final class Channel {
    let input: Int32
    let output: Int32
    /// True after the other side left, or said what is no message.
    private(set) var isClosed = false
    /// When something last came.
    private(set) var heard = ContinuousClock.now
    private var received: [UInt8] = []
    private var pending: [UInt8] = []
    private var awaitsGreeting: Bool

    /// What an agent says before its first message: a login may write lines of its own before.
    static let greeting = Array("\u{1}mlx-launch agent 1\n".utf8)

    init(input: Int32, output: Int32, awaitsGreeting: Bool) {
        (self.input, self.output) = (input, output)
        self.awaitsGreeting = awaitsGreeting
        setNonBlocking(input)
        setNonBlocking(output)
    }

    deinit {
        close(input)
        if output != input { close(output) }
    }

    /// The bytes that wait to be written.
    var backlog: Int { pending.count }

    func send(_ message: Message) { send(message.bytes) }

    func greet() { send(Channel.greeting) }

    private func send(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        pending += bytes
        flush()
    }

    /// Writes what the other side takes now.
    func flush() {
        var written = 0
        while written < pending.count, !isClosed {
            let count = pending.withUnsafeBytes { bytes in
                write(output, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count > 0 {
                written += count
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                // What it said before it left is still to be read.
                pending = []
                return
            }
        }
        pending.removeFirst(written)
    }

    /// The messages that have come.
    func receive() -> [Message] {
        guard !isClosed else { return [] }
        for _ in 0..<16 {
            guard let bytes = readAvailable(input) else {
                isClosed = true
                break
            }
            if bytes.isEmpty { break }
            heard = .now
            received += bytes
        }
        skipToGreeting()
        return awaitsGreeting ? [] : takeMessages()
    }

    private func skipToGreeting() {
        guard awaitsGreeting else { return }
        let length = Channel.greeting.count
        let starts = 0..<max(0, received.count - length + 1)
        if let start = starts.first(where: {
            received[$0..<($0 + length)].elementsEqual(Channel.greeting)
        }) {
            received.removeFirst(start + length)
            awaitsGreeting = false
        } else if received.count > 1 << 20 {
            isClosed = true
        }
    }

    private func takeMessages() -> [Message] {
        var messages: [Message] = []
        var position = 0
        while received.count - position >= 4 {
            let length = received[position..<(position + 4)].reversed()
                .reduce(0) { $0 << 8 | Int($1) }
            guard length <= Message.limit else {
                isClosed = true
                break
            }
            guard received.count - position - 4 >= length else { break }
            let body = received[(position + 4)..<(position + 4 + length)]
            guard let message = Message(body) else {
                isClosed = true
                break
            }
            messages.append(message)
            position += 4 + length
        }
        received.removeFirst(position)
        return messages
    }
}
