import CZeroMQ
import Crypto
import Glibc
import MLXDistributed

/// The secret that the launcher gives all ranks of a job, and what is derived from it.
enum JobSecret {
    static let byteCount = 32

    static let missing = DistributedError.invalidEnvironment(
        variable: "MLX_JOB_KEY_FILE", value: "",
        reason: "messages are encrypted, which needs the job's key: let mlx-launch start the job, "
            + "or name a file of mode 600 with 64 hex digits, the same for every rank; or set "
            + "distributed.encryption to \"off\" where the network is trusted")

    /// The secret of the variables `MLX_JOB_KEY_FILE` or `MLX_JOB_KEY`; nil where there is none.
    static func read(_ variables: [String: String]) throws(DistributedError) -> [UInt8]? {
        if let path = variables["MLX_JOB_KEY_FILE"] {
            guard let key = hexadecimal(try contents(of: path)) else {
                throw refused(path, "it does not hold 64 hex digits")
            }
            return key
        }
        guard let text = variables["MLX_JOB_KEY"] else { return nil }
        guard let key = hexadecimal(Array(text.utf8)) else {
            throw .invalidEnvironment(
                variable: "MLX_JOB_KEY", value: "(secret)", reason: "expected 64 hex digits")
        }
        return key
    }

    /// The bytes of a file that nobody else can read.
    private static func contents(of path: String) throws(DistributedError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw refused(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refused(path, "it is not a file")
        }
        guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            throw refused(path, "others may read it; its owner must be this user, its mode 600")
        }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw refused(path, String(cString: strerror(errno))) }
        return Array(bytes[..<count])
    }

    private static func refused(_ path: String, _ reason: String) -> DistributedError {
        .invalidEnvironment(variable: "MLX_JOB_KEY_FILE", value: path, reason: reason)
    }

    /// The bytes that 64 hex digits and at most a line feed stand for.
    static func hexadecimal(_ text: [UInt8]) -> [UInt8]? {
        let digits = text.last == UInt8(ascii: "\n") ? Array(text.dropLast()) : text
        guard digits.count == 2 * byteCount else { return nil }
        let values = digits.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard values.count == digits.count else { return nil }
        return (0..<byteCount).map { UInt8(values[2 * $0] << 4 | values[2 * $0 + 1]) }
    }
}

/// The key pair of a rank, as text of 40 characters each.
struct CurveKeys: Sendable, Equatable {
    let publicKey: String
    let secretKey: String

    /// The keys that all ranks of a job can tell from its secret: new ones at every start.
    init(_ job: ZeroMQJob, secret: [UInt8], rank: Int) throws(DistributedError) {
        let derived = derivedBytes(secret, job, "curve key of rank \(rank)", count: 32)
        var text = [CChar](repeating: 0, count: 41)
        guard zmq_z85_encode(&text, derived, derived.count) != nil else {
            throw zeroMQError("zmq_z85_encode")
        }
        var open = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&open, text) == 0 else { throw zeroMQError("zmq_curve_public") }
        secretKey = String(decoding: text.prefix(40).map(UInt8.init(bitPattern:)), as: UTF8.self)
        publicKey = String(decoding: open.prefix(40).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A socket of this rank that others connect to.
    func serve(_ socket: ZeroMQSocket) throws(DistributedError) {
        try socket.set(ZMQ_CURVE_SERVER, 1)
        try socket.set(ZMQ_CURVE_SECRETKEY, bytes: Array(secretKey.utf8) + [0])
    }

    /// A socket of this rank that connects to the rank with the public key `server`.
    func connect(_ socket: ZeroMQSocket, to server: String) throws(DistributedError) {
        try socket.set(ZMQ_CURVE_SERVERKEY, bytes: Array(server.utf8) + [0])
        try socket.set(ZMQ_CURVE_PUBLICKEY, bytes: Array(publicKey.utf8) + [0])
        try socket.set(ZMQ_CURVE_SECRETKEY, bytes: Array(secretKey.utf8) + [0])
    }
}

extension ZeroMQJob {
    /// The number that stands for the job in frames; without the secret nobody can tell it.
    var stamp: UInt64 {
        derivedBytes(key ?? [], self, "number of the job", count: 8)
            .reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The public key of a rank; the job has a secret.
    package func publicKey(of rank: Int) throws(DistributedError) -> String {
        guard let key else { throw JobSecret.missing }
        return try CurveKeys(self, secret: key, rank: rank).publicKey
    }

    /// The keys of all ranks, where messages are encrypted.
    func curveKeys() throws(DistributedError) -> [CurveKeys]? {
        guard encrypts else { return nil }
        guard ZeroMQContext.has("curve") else {
            throw .transport(
                name: "zmq", call: "zmq_has(\"curve\")",
                message: "this libzmq was built without CURVE and cannot encrypt; install one "
                    + "with libsodium, or set distributed.encryption to \"off\"")
        }
        guard let key else { throw JobSecret.missing }
        var keys: [CurveKeys] = []
        for rank in 0..<size { keys.append(try CurveKeys(self, secret: key, rank: rank)) }
        return keys
    }
}

/// HKDF with SHA-256 (RFC 5869) of the secret, for one purpose in one start of one job.
private func derivedBytes(
    _ secret: [UInt8], _ job: ZeroMQJob, _ purpose: String, count: Int
) -> [UInt8] {
    let info = "\(purpose), start \(job.restart) of \(job.identifier)"
    let derived = HKDF<SHA256>.deriveKey(
        inputKeyMaterial: SymmetricKey(data: secret), salt: Array("mlx zmq".utf8),
        info: Array(info.utf8), outputByteCount: count)
    return derived.withUnsafeBytes { Array($0) }
}
