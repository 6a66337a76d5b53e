import Glibc
import MLXDistributed

/// Whether what ranks send to each other is encrypted and signed.
package enum Encryption: String, CaseIterable, Sendable {
    /// Where the ranks are on several hosts.
    case auto
    case on
    case off
}

/// Where the ranks of a job meet, and how they know each other.
///
/// `detect` reads it from the launcher's variables: `MASTER_ADDR`, `MASTER_PORT`, `MLX_JOB_ID`,
/// `MLX_RESTART`, `MLX_JOB_KEY_FILE` or `MLX_JOB_KEY`, `MLX_INTERFACE`, `MLX_ENCRYPTION`.
package struct ZeroMQJob: Sendable {
    package var rank: Int
    package var size: Int
    /// Whether this rank is the first one on its host; nil where the launcher does not say.
    package var isFirstOnHost: Bool?
    /// Whether all ranks are on this host, so that they meet on its loopback interface.
    package var isLocal: Bool
    /// The host of rank 0: a name or an address.
    package var master: String
    /// The port on which rank 0 waits for the others.
    package var port: Int
    /// What distinguishes the job from others.
    package var identifier: String
    /// How often the job was started again.
    package var restart: Int
    /// The job's secret, 32 bytes.
    package var key: [UInt8]?
    /// Whether what is sent is encrypted.
    package var encrypts: Bool
    /// The interface, address or network that this rank listens on; nil: what reaches rank 0.
    package var interface: String?

    package init(
        rank: Int, size: Int, isFirstOnHost: Bool? = nil, isLocal: Bool = true,
        master: String = "127.0.0.1", port: Int, identifier: String = "", restart: Int = 0,
        key: [UInt8]? = nil, encrypts: Bool = false, interface: String? = nil
    ) {
        self.rank = rank
        self.size = size
        self.isFirstOnHost = isFirstOnHost
        self.isLocal = isLocal
        self.master = master
        self.port = port
        self.identifier = identifier
        self.restart = restart
        self.key = key
        self.encrypts = encrypts
        self.interface = interface
    }

    /// The job of this process; the launcher's variables count before the arguments, which are
    /// the configuration's.
    ///
    /// Throws `invalidEnvironment` where a variable is missing or does not make sense.
    package static func current(
        _ environment: LaunchEnvironment, encryption: Encryption, interface: String?
    ) throws(DistributedError) -> ZeroMQJob {
        var variables: [String: String] = [:]
        for name in variableNames {
            guard let value = getenv(name) else { continue }
            variables[name] = String(cString: value)
        }
        return try detect(
            environment, variables, encryption: encryption, interface: interface)
    }

    private static let variableNames = [
        "MASTER_ADDR", "MASTER_PORT", "MLX_JOB_ID", "MLX_RESTART", "MLX_JOB_KEY",
        "MLX_JOB_KEY_FILE", "MLX_INTERFACE", "MLX_ENCRYPTION",
    ]

    /// The job that these variables describe.
    package static func detect(
        _ environment: LaunchEnvironment, _ variables: [String: String], encryption: Encryption,
        interface: String?
    ) throws(DistributedError) -> ZeroMQJob {
        guard let size = environment.size else {
            throw .invalidEnvironment(
                variable: "WORLD_SIZE", value: "", reason: "zmq needs the number of processes")
        }
        let address = variables["MASTER_ADDR"] ?? ""
        let isLoopback = Addresses.isLoopback(address) || address.isEmpty
        let isLocal = environment.localSize.map { $0 == size } ?? isLoopback
        guard isLocal || !isLoopback else {
            throw .invalidEnvironment(
                variable: "MASTER_ADDR", value: address,
                reason: "\(size) processes are on several hosts, of which the others cannot reach "
                    + "it; name the host of rank 0")
        }
        let encrypts = try encrypts(variables, encryption, isLocal: isLocal)
        let key = try JobSecret.read(variables)
        guard key != nil || !encrypts else { throw JobSecret.missing }
        return ZeroMQJob(
            rank: environment.rank, size: size,
            isFirstOnHost: environment.localRank.map { $0 == 0 }, isLocal: isLocal,
            master: isLocal ? "127.0.0.1" : address,
            port: try number("MASTER_PORT", variables, 1...65535),
            identifier: variables["MLX_JOB_ID"] ?? "",
            restart: try number("MLX_RESTART", variables, 0...Int(UInt32.max), default: 0),
            key: key, encrypts: encrypts, interface: variables["MLX_INTERFACE"] ?? interface)
    }

    /// This host's address on an interface, in a network or as it is; nil where it has none.
    package static func localAddress(_ choice: String) -> String? {
        try? Addresses.local(named: choice)
    }

    private static func encrypts(
        _ variables: [String: String], _ choice: Encryption, isLocal: Bool
    ) throws(DistributedError) -> Bool {
        var choice = choice
        if let word = variables["MLX_ENCRYPTION"] {
            guard let wanted = Encryption(rawValue: word) else {
                throw .invalidEnvironment(
                    variable: "MLX_ENCRYPTION", value: word, reason: "expected auto, on or off")
            }
            choice = wanted
        }
        return choice == .on || (choice == .auto && !isLocal)
    }

    private static func number(
        _ name: String, _ variables: [String: String], _ range: ClosedRange<Int>,
        default fallback: Int? = nil
    ) throws(DistributedError) -> Int {
        guard let text = variables[name] else {
            if let fallback { return fallback }
            throw .invalidEnvironment(
                variable: name, value: "",
                reason: "it is not set; zmq needs a free port of rank 0's host, as mlx-launch "
                    + "chooses one")
        }
        guard let value = Int(text), range.contains(value) else {
            throw .invalidEnvironment(
                variable: name, value: text,
                reason: "expected a number in \(range.lowerBound) ... \(range.upperBound)")
        }
        return value
    }
}
