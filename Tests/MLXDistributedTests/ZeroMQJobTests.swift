import Glibc
import MLXDistributed
import MLXDistributedZMQ
import Testing

@Suite struct ZeroMQJobTests {
    private static let key = String(repeating: "0f", count: 32)

    private static func job(
        _ more: [String: String] = [:], local: Int? = 2, encryption: Encryption = .auto,
        interface: String? = nil
    ) throws(DistributedError) -> ZeroMQJob {
        var launch = ["RANK": "1", "WORLD_SIZE": "2"]
        if let local {
            launch["LOCAL_RANK"] = "1"
            launch["LOCAL_WORLD_SIZE"] = "\(local)"
        }
        let environment = try LaunchEnvironment.detect(launch)
        guard let environment else {
            throw .invalidEnvironment(variable: "RANK", value: "", reason: "the test is wrong")
        }
        let variables = ["MASTER_PORT": "1234"].merging(more) { $1 }
        return try ZeroMQJob.detect(
            environment, variables, encryption: encryption, interface: interface)
    }

    @Test func `ranks of one node meet on its loopback interface and are not encrypted`() throws {
        let job = try Self.job(["MASTER_ADDR": "node-a", "MLX_JOB_ID": "x", "MLX_RESTART": "3"])
        #expect(job.isLocal && job.master == "127.0.0.1" && job.port == 1234 && !job.encrypts)
        #expect((job.rank, job.size, job.identifier, job.restart) == (1, 2, "x", 3))
        #expect(try Self.job(local: nil).isLocal)
        #expect(try !Self.job(["MLX_JOB_KEY": Self.key]).encrypts)
    }

    @Test func `ranks of several nodes are encrypted, and need a key`() throws {
        let there = ["MASTER_ADDR": "10.0.0.1"]
        let job = try Self.job(there.merging(["MLX_JOB_KEY": Self.key]) { $1 }, local: 1)
        #expect(!job.isLocal && job.encrypts && job.master == "10.0.0.1")
        #expect(job.key == [UInt8](repeating: 15, count: 32))
        let error = #expect(throws: DistributedError.self) { try Self.job(there, local: 1) }
        #expect(error?.exitStatus == 64)
        #expect(error?.description.contains("MLX_JOB_KEY_FILE") == true)
        #expect(try !Self.job(there, local: 1, encryption: .off).encrypts)
        #expect(try !Self.job(there.merging(["MLX_ENCRYPTION": "off"]) { $1 }, local: 1).encrypts)
    }

    @Test func `encryption can be switched on for one node, and the launcher counts first`() throws
    {
        #expect(try Self.job(["MLX_JOB_KEY": Self.key], encryption: .on).encrypts)
        let job = try Self.job(
            ["MLX_ENCRYPTION": "off", "MLX_INTERFACE": "eth7"],
            encryption: .on, interface: "eth1")
        #expect(!job.encrypts && job.interface == "eth7")
    }

    @Test(arguments: [
        ("MASTER_PORT", "0"), ("MASTER_PORT", "70000"), ("MASTER_PORT", "x"), ("MLX_RESTART", "-1"),
        ("MLX_ENCRYPTION", "yes"), ("MLX_JOB_KEY", "12"), ("MLX_JOB_KEY_FILE", "/nowhere/key"),
    ])
    func `a variable that makes no sense is named`(variable: String, value: String) {
        let error = #expect(throws: DistributedError.self) { try Self.job([variable: value]) }
        guard case .invalidEnvironment(let named, let shown, _) = error else { return }
        #expect(named == variable)
        #expect(error?.exitStatus == 64)
        // A secret is not shown.
        #expect(variable != "MLX_JOB_KEY" || !shown.contains(value))
    }

    @Test func `a loopback address is none for other nodes`() {
        let error = #expect(throws: DistributedError.self) {
            try Self.job(["MASTER_ADDR": "127.0.0.1", "MLX_JOB_KEY": Self.key], local: 1)
        }
        #expect(error?.description.contains("MASTER_ADDR") == true)
    }

    @Test(arguments: [(0o600, true), (0o400, true), (0o640, false), (0o604, false)])
    func `a key file that others may read is refused`(mode: Int, isGood: Bool) throws {
        let path = "/tmp/mlx-zmq-key-\(getpid())-\(mode)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { unlink(path) }
        let text = Array((Self.key + "\n").utf8)
        #expect(write(descriptor, text, text.count) == text.count)
        close(descriptor)
        chmod(path, mode_t(mode))
        let job = try? Self.job(["MLX_JOB_KEY_FILE": path])
        #expect((job?.key != nil) == isGood)
        let link = path + ".link"
        symlink(path, link)
        defer { unlink(link) }
        #expect((try? Self.job(["MLX_JOB_KEY_FILE": link])) == nil)
    }

    @Test func `keys differ by rank, job and start`() throws {
        func key(_ rank: Int, _ change: (inout ZeroMQJob) -> Void = { _ in }) throws -> String {
            var job = ZeroMQJob(
                rank: 0, size: 2, port: 1, identifier: "a", key: ZeroMQWorld.key, encrypts: true)
            change(&job)
            return try job.publicKey(of: rank)
        }
        let keys = [
            try key(0), try key(1), try key(0) { $0.restart = 1 },
            try key(0) { $0.identifier = "b" },
            try key(0) { $0.key = [UInt8](repeating: 8, count: 32) },
        ]
        #expect(Set(keys).count == keys.count)
        #expect(try key(1) == keys[1])
    }

    @Test func `a network holds its addresses and an interface its own`() throws {
        #expect(ZeroMQJob.localAddress("127.0.0.0/8") == "127.0.0.1")
        #expect(ZeroMQJob.localAddress("lo") == "127.0.0.1")
        #expect(ZeroMQJob.localAddress("127.0.0.1") == "127.0.0.1")
        #expect(ZeroMQJob.localAddress("203.0.113.0/24") == nil)
        #expect(ZeroMQJob.localAddress("no-such-interface") == nil)
    }
}
