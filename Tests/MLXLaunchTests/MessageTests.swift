import MLXLaunch
import Testing

@Suite("A message")
struct MessageTests {
    static let messages: [Message] = [
        .start(
            RankStart(
                rank: 3, arguments: ["p", "", "ü\n"], variables: ["A=1", "B="], removed: [],
                folder: "/x y")),
        .signal(15), .end, .ping,
        .hello(Hello(token: "t", rank: -1, localRank: 0, localSize: 2, host: "h")),
        .started(rank: 1, process: 77), .output(rank: 0, stream: 2, [0, 255, 10]),
        .output(rank: 0, stream: 1, []),
        .ended(rank: 2, RankEnd(status: 0, signal: 9, step: 1 << 40)),
        .refused(rank: 0, reason: "no"),
    ]

    @Test(arguments: messages)
    func `reads back as it was written`(message: Message) {
        let bytes = message.bytes
        let length = bytes[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(length == bytes.count - 4)
        #expect(Message(bytes.dropFirst(4)) == message)
    }

    @Test func `that is cut, longer or of no kind is refused`() {
        for message in MessageTests.messages {
            let body = Array(message.bytes.dropFirst(4))
            for count in body.indices { #expect(Message(body[..<count]) == nil) }
            #expect(Message(body + [0]) == nil)
        }
        #expect(Message([0]) == nil)
        #expect(Message([200, 1, 2]) == nil)
    }

    @Test func `of any bytes is read or refused, and ends nothing`() {
        var generator = Numbers(state: 5)
        for _ in 0..<20_000 {
            let count = Int(generator.next() % 64)
            var body = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            if !body.isEmpty { body[0] %= 11 }
            // Counts are mostly small, so that the parts behind them are reached.
            for index in stride(from: 2, to: body.count, by: 1) where generator.next() % 4 != 0 {
                body[index] = 0
            }
            _ = Message(body)
        }
    }
}

/// Numbers that follow from a seed (splitmix64).
struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
