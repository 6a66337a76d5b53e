import MLXDistributed
import Testing

/// What one rank sends to another alone.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ZeroMQLetterTests {
    @Test(arguments: [false, true])
    func `letters of any size come in their order, between collectives`(encrypts: Bool) throws {
        // The longest has more pieces than may be under way.
        let sizes = [0, 1, 255, 256, 257, 10_000, 256 * 40]
        let settings = ZeroMQWorld.Settings(chunkBytes: 256, directBytes: 64, encrypts: encrypts)
        _ = try ZeroMQWorld.run(3, settings) { transport in
            let (rank, next, last) = (
                transport.rank, (transport.rank + 1) % 3, (transport.rank + 2) % 3
            )
            for (round, size) in sizes.enumerated() {
                let own = [UInt8](repeating: UInt8(10 * round + rank), count: size)
                let got = Scratch(byteCount: size)
                // Rank 0 sends first, so that nobody waits in a circle.
                if rank == 0 { try own.withUnsafeBytes { try transport.send($0, to: next) } }
                try transport.receive(got.buffer, from: last)
                if rank != 0 { try own.withUnsafeBytes { try transport.send($0, to: next) } }
                let expected = [UInt8](repeating: UInt8(10 * round + last), count: size)
                #expect(Array(got.buffer) == expected)
                #expect(try transport.allGather(UInt64(rank)) == [0, 1, 2])
            }
        }
    }

    @Test func `a letter may wait while collectives go on`() throws {
        let got = try ZeroMQWorld.run(2) { transport -> [UInt8] in
            if transport.rank == 0 {
                for value in [UInt8(1), 2] {
                    try [value].withUnsafeBytes { try transport.send($0, to: 1) }
                }
            }
            try transport.barrier()
            guard transport.rank == 1 else { return [] }
            return try (0..<2).map { _ in
                let scratch = Scratch(byteCount: 1)
                try transport.receive(scratch.buffer, from: 0)
                return scratch.buffer[0]
            }
        }
        #expect(got[1] == [1, 2])
    }

    @Test func `a letter of another size is an error, not a hang`() throws {
        let outcomes = try ZeroMQWorld.outcomes(2) { transport in
            let scratch = Scratch(byteCount: 8)
            if transport.rank == 0 {
                try transport.send(UnsafeRawBufferPointer(scratch.buffer), to: 1)
                try transport.barrier()
            } else {
                try transport.receive(.init(rebasing: scratch.buffer[0..<4]), from: 0)
            }
        }
        #expect(
            outcomes[1].distributedError == .wrongSize(call: "recv", expected: 8, got: 4))
        #expect(outcomes[0].distributedError != nil)
    }
}
