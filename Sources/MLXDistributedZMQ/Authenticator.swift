import CZeroMQ
import MLXDistributed

/// Lets in the ranks of the job and nobody else: the handler of ZeroMQ's authentication protocol
/// (ZAP, RFC 27) of a context.
///
/// Without one, libzmq accepts every client that knows the server's public key.
final class Authenticator {
    let socket: ZeroMQSocket
    private let allowed: Set<[UInt8]>
    /// How many clients were turned away.
    private(set) var refused = 0

    /// A handler that knows the public keys, given as text; before any server socket is bound.
    init(allowing keys: [String], in context: ZeroMQContext) throws(DistributedError) {
        var allowed: Set<[UInt8]> = []
        for key in keys {
            var bytes = [UInt8](repeating: 0, count: 32)
            guard zmq_z85_decode(&bytes, key) != nil else { throw zeroMQError("zmq_z85_decode") }
            allowed.insert(bytes)
        }
        self.allowed = allowed
        socket = try ZeroMQSocket(.reply, in: context)
        _ = try socket.bind("inproc://zeromq.zap.01")
    }

    /// Answers the requests that have come.
    func answer() throws(DistributedError) {
        while let request = try socket.receiveParts() {
            // version, request, domain, address, identity, mechanism, credentials …
            let parts = request.map(\.copy)
            let isKnown =
                parts.count == 7 && parts[0] == Array("1.0".utf8)
                && parts[5] == Array("CURVE".utf8) && allowed.contains(parts[6])
            if !isKnown { refused += 1 }
            let reply = [
                Array("1.0".utf8), parts.count > 1 ? parts[1] : [],
                Array((isKnown ? "200" : "400").utf8), Array((isKnown ? "OK" : "unknown key").utf8),
                isKnown ? Array("rank".utf8) : [], [],
            ]
            for (index, part) in reply.enumerated() {
                _ = try socket.send(ZeroMQMessage(part), more: index < reply.count - 1)
            }
        }
    }
}
