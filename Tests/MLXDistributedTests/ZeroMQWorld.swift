import Glibc
import MLXDistributed
import MLXDistributedZMQ
import TestSupport

/// Ranks that are threads of this process and are connected by ZeroMQ.
enum ZeroMQWorld {
    /// 32 bytes that nobody else knows.
    static let key = [UInt8](repeating: 7, count: 32)

    /// How a rank joins.
    struct Settings: Sendable {
        var limits = ZeroMQLimits(rendezvous: 30, silence: 30)
        var chunkBytes = 1 << 20
        var directBytes = 1 << 16
        var encrypts = false
        var prepare: @Sendable (inout ZeroMQJob) -> Void = { _ in }
    }

    /// Runs `body` on each rank and gives the outcomes in rank order.
    static func outcomes<Value: Sendable>(
        _ size: Int, _ settings: Settings = Settings(),
        _ body: @escaping @Sendable (ZeroMQTransport) throws -> Value
    ) throws -> [Result<Value, any Error>] {
        let port = HeldPort()
        let results = Monitor([Result<Value, any Error>?](repeating: nil, count: size))
        let threads = try (0..<size).map { rank in
            try PlatformThread {
                let result = Result<Value, any Error> {
                    var job = ZeroMQJob(
                        rank: rank, size: size, port: port.number, identifier: "test",
                        key: key, encrypts: settings.encrypts)
                    settings.prepare(&job)
                    let transport = try ZeroMQTransport(
                        job, limits: settings.limits, chunkBytes: settings.chunkBytes,
                        directBytes: settings.directBytes)
                    do {
                        let value = try body(transport)
                        try transport.finalize()
                        return value
                    } catch {
                        transport.abort(status: (error as? DistributedError)?.exitStatus ?? 70)
                        try transport.finalize()
                        throw error
                    }
                }
                results.withLock { $0[rank] = result }
            }
        }
        for thread in threads { thread.join() }
        return results.withLock { $0 }.compactMap { $0 }
    }

    /// Runs `body` on each rank, which must not fail, and gives the results in rank order.
    static func run<Value: Sendable>(
        _ size: Int, _ settings: Settings = Settings(),
        _ body: @escaping @Sendable (ZeroMQTransport) throws -> Value
    ) throws -> [Value] {
        try outcomes(size, settings, body).map { try $0.get() }
    }
}

extension Result where Failure == any Error {
    /// The error of a collective or a rendezvous.
    var distributedError: DistributedError? {
        guard case .failure(let error) = self else { return nil }
        return error as? DistributedError
    }
}
