import CZeroMQ
import Glibc
import MLX
import MLXDistributed
import MLXDistributedZMQ
import Testing

/// What outsiders can do to a job: nothing.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ZeroMQSecurityTests {
    private typealias Settings = ZeroMQWorld.Settings

    /// A client that is not one of the job's ranks.
    ///
    /// Unchecked: each test uses it on one thread.
    private final class Outsider: @unchecked Sendable {
        private let context = zmq_ctx_new()
        private let socket: UnsafeMutableRawPointer?

        /// Connects under a name; with keys as text, encrypted.
        init(
            to endpoint: String, name: String, server: String? = nil, secret: String? = nil,
            client: String? = nil
        ) {
            socket = zmq_socket(context, ZMQ_DEALER)
            set(ZMQ_ROUTING_ID, Array(name.utf8))
            set(ZMQ_LINGER, [0, 0, 0, 0])
            set(ZMQ_SNDTIMEO, [0xE8, 3, 0, 0])
            if let server, let secret, let client {
                set(ZMQ_CURVE_SERVERKEY, Array(server.utf8) + [0])
                set(ZMQ_CURVE_SECRETKEY, Array(secret.utf8) + [0])
                set(ZMQ_CURVE_PUBLICKEY, Array(client.utf8) + [0])
            }
            zmq_connect(socket, endpoint)
        }

        deinit {
            zmq_close(socket)
            zmq_ctx_term(context)
        }

        func send(_ parts: [[UInt8]]) {
            for (index, part) in parts.enumerated() {
                zmq_send(socket, part, part.count, index < parts.count - 1 ? ZMQ_SNDMORE : 0)
            }
        }

        /// Waits until the other side has answered, or `milliseconds`; gives whether it has.
        func hears(within milliseconds: Int32) -> Bool {
            set(ZMQ_RCVTIMEO, withUnsafeBytes(of: milliseconds) { Array($0) })
            var bytes = [UInt8](repeating: 0, count: 1024)
            return zmq_recv(socket, &bytes, bytes.count, 0) >= 0
        }

        private func set(_ option: Int32, _ bytes: [UInt8]) {
            zmq_setsockopt(socket, option, bytes, bytes.count)
        }
    }

    private static func frame(
        _ stamp: JobStamp, from source: Int, to target: Int, sequence: UInt64, call: UInt64,
        value: Double
    ) -> [UInt8] {
        let header = FrameHeader(
            kind: .piece(CollectiveName(reducing: 8, .float64, .sum)), stamp: stamp,
            source: source, target: target, sequence: sequence, call: call)
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        bytes.withUnsafeMutableBytes { header.write(to: $0) }
        return bytes + withUnsafeBytes(of: value) { Array($0) }
    }

    private static func sum(_ transport: ZeroMQTransport, _ value: Double) throws -> Double {
        let scratch = Scratch(copying: withUnsafeBytes(of: value) { Array($0) })
        try transport.allReduce(scratch.buffer, dtype: .float64, operation: .sum)
        return scratch.buffer.loadUnaligned(as: Double.self)
    }

    /// Waits until a rank has refused so many frames; collectives of the others take them in.
    private static func waitForRefusals(_ count: Int, _ transport: ZeroMQTransport) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while transport.refusedFrames < count, ContinuousClock.now < deadline {
            _ = try sum(transport, 0)
        }
    }

    @Test func `frames that are not the job's inject nothing`() throws {
        let done = Monitor(false)
        let results = try ZeroMQWorld.run(2) { transport in
            var sums = [try Self.sum(transport, 1)]
            if transport.rank == 0 {
                let stamp = transport.stamp
                let outsider = Outsider(to: transport.endpoint, name: "outsider")
                let other = JobStamp(
                    job: stamp.job, epoch: stamp.epoch, session: stamp.session ^ 1)
                let later = JobStamp(
                    job: stamp.job, epoch: stamp.epoch + 1, session: stamp.session)
                // Rubbish; another session; another start; a rank's name without its connection;
                // a frame for another rank; a rank that does not exist.
                outsider.send([[1, 2, 3]])
                outsider.send([[UInt8](repeating: 0xFF, count: 200), [], [], []])
                for (stamp, source, target) in [
                    (other, 1, 0), (later, 1, 0), (stamp, 1, 0), (stamp, 1, 1), (stamp, 7, 0),
                ] {
                    outsider.send([
                        Self.frame(
                            stamp, from: source, to: target, sequence: 1, call: 2, value: 1000)
                    ])
                }
                try Self.waitForRefusals(7, transport)
                #expect(transport.refusedFrames == 7)
                done.withLock { $0 = true }
            }
            // The other rank keeps up with whatever number of collectives that took.
            while try Self.sum(transport, done.withLock { $0 } ? 1 : 0) < 2 {}
            sums.append(try Self.sum(transport, 1))
            return sums
        }
        #expect(results == [[2, 2], [2, 2]])
    }

    @Test func `a frame that comes again is counted and left out`() throws {
        let results = try ZeroMQWorld.run(2) { transport in
            // This thread plays rank 1's stream of frames: the transport connects its own only at
            // its first collective.
            guard transport.rank == 1 else {
                Self.place.withLock { $0 = (transport.stamp, transport.endpoint) }
                let sums = [try Self.sum(transport, 1), try Self.sum(transport, 1)]
                #expect(transport.refusedFrames >= 2)
                Self.place.withLock { $0 = nil }
                return sums
            }
            let (stamp, endpoint) = Self.place.wait { $0 }
            let name = "1-\(String(stamp.session, radix: 16))"
            let player = Outsider(to: endpoint, name: name)
            let first = Self.frame(stamp, from: 1, to: 0, sequence: 0, call: 1, value: 10)
            player.send([first])
            player.send([first])
            player.send([Self.frame(stamp, from: 1, to: 0, sequence: 0, call: 2, value: 500)])
            player.send([Self.frame(stamp, from: 1, to: 0, sequence: 1, call: 2, value: 20)])
            Self.place.wait { $0 == nil ? () : nil }
            return []
        }
        #expect(results[0] == [11, 21])
    }

    private static let place = Monitor<(JobStamp, String)?>(nil)

    @Test func `frames that are missing end the job instead of shifting it`() throws {
        let outcomes = try ZeroMQWorld.outcomes(2) { transport in
            guard transport.rank == 1 else {
                Self.place.withLock { $0 = (transport.stamp, transport.endpoint) }
                defer { Self.place.withLock { $0 = nil } }
                _ = try Self.sum(transport, 1)
                return
            }
            let (stamp, endpoint) = Self.place.wait { $0 }
            let player = Outsider(
                to: endpoint, name: "1-\(String(stamp.session, radix: 16))")
            player.send([Self.frame(stamp, from: 1, to: 0, sequence: 1, call: 1, value: 10)])
            Self.place.wait { $0 == nil ? () : nil }
        }
        #expect(outcomes[0].distributedError?.description.contains("frames were lost") == true)
    }

    @Test func `a client with a key of its own, or none, is not heard`() throws {
        try #require(zmq_has("curve") == 1, "this libzmq cannot encrypt")
        let done = Monitor(false)
        let results = try ZeroMQWorld.run(2, Settings(encrypts: true)) { transport in
            _ = try Self.sum(transport, 1)
            if transport.rank == 0 {
                let job = ZeroMQJob(
                    rank: 0, size: 2, port: 1, identifier: "test", key: ZeroMQWorld.key,
                    encrypts: true)
                var (open, secret) = (
                    [CChar](repeating: 0, count: 41), [CChar](repeating: 0, count: 41)
                )
                zmq_curve_keypair(&open, &secret)
                let text = [open, secret].map {
                    String(decoding: $0.prefix(40).map(UInt8.init(bitPattern:)), as: UTF8.self)
                }
                // It even knows the server's public key, and the stamp of the job.
                let keyed = Outsider(
                    to: transport.endpoint, name: "keyed", server: try job.publicKey(of: 0),
                    secret: text[1], client: text[0])
                let plain = Outsider(to: transport.endpoint, name: "plain")
                for outsider in [keyed, plain] {
                    outsider.send([
                        Self.frame(
                            transport.stamp, from: 1, to: 0, sequence: 1, call: 2, value: 1000)
                    ])
                    #expect(!outsider.hears(within: 500))
                }
                // Nothing even reached the place where frames are refused.
                #expect(transport.refusedFrames == 0)
                done.withLock { $0 = true }
            }
            while try Self.sum(transport, done.withLock { $0 } ? 1 : 0) < 2 {}
            return try Self.sum(transport, 1)
        }
        #expect(results == [2, 2])
    }

    @Test func `a rank with another job key cannot join`() throws {
        try #require(zmq_has("curve") == 1, "this libzmq cannot encrypt")
        let settings = Settings(
            limits: ZeroMQLimits(rendezvous: 3), encrypts: true,
            prepare: { job in
                if job.rank == 1 { job.key = [UInt8](repeating: 9, count: 32) }
            })
        let outcomes = try ZeroMQWorld.outcomes(2, settings) { try $0.barrier() }
        #expect(outcomes[1].distributedError?.description.contains("key") == true)
        guard case .peersMissing([1], _, _) = outcomes[0].distributedError else {
            Issue.record("\(outcomes)")
            return
        }
    }

    @Test func `rubbish on every port disturbs nothing`() throws {
        let results = try ZeroMQWorld.run(3, Settings(encrypts: true)) { transport in
            let address = transport.endpoint.split(separator: ":").last.flatMap { UInt16($0) }
            let port = try #require(address)
            var random = SplitMix(seed: UInt64(transport.rank))
            var sums: [Double] = []
            for _ in 0..<50 {
                RawClient(port: port).send((0..<200).map { _ in UInt8(random.next() & 0xFF) })
                sums.append(try Self.sum(transport, 1))
            }
            return sums.allSatisfy { $0 == 3 }
        }
        #expect(results == [true, true, true])
    }

    /// A TCP connection without ZeroMQ's protocol.
    private struct RawClient {
        let port: UInt16

        func send(_ bytes: [UInt8]) {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            address.sin_port = port.bigEndian
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                    _ = connect(descriptor, name, length)
                }
            }
            _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }
}
