import Foundation
import Testing

/// Two "hosts" on this machine: network namespaces that a pair of virtual interfaces connects.
final class TwoHosts {
    /// Why there can be none here; nil where there can.
    static let obstacle: String? = {
        guard geteuid() == 0 else { return "network namespaces need root" }
        guard (try? run("ip", "-V"))?.status == 0 else { return "the command ip is missing" }
        return (try? TwoHosts()) == nil ? "this system allows no network namespaces" : nil
    }()

    /// Whether packets can be dropped on a host.
    static let canDrop: Bool = {
        guard obstacle == nil, let hosts = try? TwoHosts() else { return false }
        return (try? hosts.drop(percent: 1)) != nil
    }()

    private let names: [String]

    init() throws {
        let tag = "mlx\(getpid())x\(UInt16.random(in: 0 ... .max))"
        names = ["\(tag)a", "\(tag)b"]
        for name in names { try Self.must("ip", "netns", "add", name) }
        // Names of interfaces have at most 15 characters.
        try Self.must(
            "ip", "-n", names[0], "link", "add", "wire", "type", "veth", "peer", "name", "wire",
            "netns", names[1])
        for (index, name) in names.enumerated() {
            let address = "\(address(index))/24"
            try Self.must("ip", "-n", name, "address", "add", address, "dev", "wire")
            try Self.must("ip", "-n", name, "link", "set", "wire", "up")
            try Self.must("ip", "-n", name, "link", "set", "lo", "up")
        }
    }

    deinit {
        for name in names { _ = try? Self.run("ip", "netns", "delete", name) }
    }

    func address(_ host: Int) -> String { "10.213.7.\(host + 1)" }

    /// What starts a command on a host.
    func prefix(_ host: Int) -> [String] { ["ip", "netns", "exec", names[host]] }

    /// Pulls the plug, or puts it in again.
    func setConnected(_ isConnected: Bool) throws {
        try Self.must("ip", "-n", names[1], "link", "set", "wire", isConnected ? "up" : "down")
    }

    /// Drops so many of the packets that come to either host, at random; those that only pass through
    /// a host's own loopback stay.
    func drop(percent: Int) throws {
        let choice = percent < 100 ? "numgen random mod 100 < \(percent)" : ""
        for name in names {
            try Self.must(
                "ip", "netns", "exec", name, "nft",
                "add table inet loss; add chain inet loss input { type filter hook input priority 0; };"
                    + "flush chain inet loss input;"
                    + "add rule inet loss input iifname wire \(choice) drop")
        }
    }

    private static func must(_ command: String...) throws {
        let outcome = try RunningProcess(command).wait()
        guard outcome.status == 0 else {
            throw RunningProcess.Failure(description: "\(command): \(outcome.errors)")
        }
    }

    private static func run(_ command: String...) throws -> Outcome {
        try RunningProcess(command).wait()
    }
}

extension LaunchTests {
    @Suite(
        "Processes on two hosts",
        .enabled(if: TwoHosts.obstacle == nil, "two network namespaces can be made here"))
    struct Network {
        private func start(_ run: TrainingRun, _ hosts: TwoHosts, _ more: [String: String] = [:])
            throws -> RankedJob
        {
            let key = try run.folder.keyFile()
            return try RankedJob(
                run.arguments(), ranks: [0, 1],
                change: { _ in
                    [
                        "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
                        "MASTER_ADDR": hosts.address(0), "MLX_JOB_KEY_FILE": key,
                    ].merging(more) { $1 }
                }, prefix: hosts.prefix)
        }

        private static let off = "distributed.shared_memory=off"

        @Test func `A job gives the same bits as on one host`() throws {
            let local = try TrainingRun.steps(40, Self.off)
            #expect(try RankedJob(local, ranks: 2).wait().map(\.status) == [0, 0])
            let hosts = try TwoHosts()
            let run = try TrainingRun.steps(40, Self.off)
            let outcomes = try start(run, hosts).wait()
            #expect(outcomes.map(\.status) == [0, 0], "\(outcomes)")
            #expect(try run.trace() == local.trace())
        }

        @Test func `Without a key nothing is sent`() throws {
            let hosts = try TwoHosts()
            let run = try TrainingRun.steps(3, Self.off)
            let job = try RankedJob(
                run.arguments(), ranks: [0, 1],
                change: { _ in
                    ["LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": hosts.address(0)]
                }, prefix: hosts.prefix)
            let outcomes = try job.wait()
            #expect(outcomes.map(\.status) == [64, 64])
            #expect(outcomes[0].errors.contains("encrypted"))
        }

        @Test func `The interface can be chosen`() throws {
            let hosts = try TwoHosts()
            let run = try TrainingRun.steps(3, Self.off)
            let good = try start(run, hosts, ["MLX_INTERFACE": "10.213.7.0/24"]).wait()
            #expect(good.map(\.status) == [0, 0], "\(good)")
            let bad = try start(run, hosts, ["MLX_INTERFACE": "eth9"]).wait()
            #expect(bad.map(\.status) == [64, 64])
            #expect(bad[0].errors.contains("wire 10.213.7.1"))
        }

        @Test func `A connection that fails for good ends the job and names the other host's rank`()
            throws
        {
            let hosts = try TwoHosts()
            let run = try TrainingRun.steps(
                100_000, Self.off, "distributed.timeout_seconds=4")
            let job = try start(run, hosts)
            try job.ranks[0].wait(for: "to reach step 10") { run.hasReached(10) }
            try hosts.setConnected(false)
            let outcomes = try job.wait(within: .seconds(20))
            #expect(outcomes.map(\.status) == [69, 69])
            #expect(outcomes[0].errors.contains("rank 1 "), "\(outcomes)")
            #expect(outcomes[1].errors.contains("rank 0 "), "\(outcomes)")
        }

        @Test(.enabled(if: TwoHosts.canDrop, "nft can drop packets here"))
        func `Lost packets change no bit, and a network that loses all is told of at the limit`()
            throws
        {
            let local = try TrainingRun.steps(40, Self.off)
            #expect(try RankedJob(local, ranks: 2).wait().map(\.status) == [0, 0])
            let hosts = try TwoHosts()
            try hosts.drop(percent: 1)
            let run = try TrainingRun.steps(40, Self.off)
            let outcomes = try start(run, hosts).wait()
            #expect(outcomes.map(\.status) == [0, 0], "\(outcomes)")
            #expect(try run.trace() == local.trace())

            let endless = try TrainingRun.steps(
                100_000, Self.off, "distributed.timeout_seconds=4")
            let job = try start(endless, hosts)
            try job.ranks[0].wait(for: "to reach step 5") { endless.hasReached(5) }
            try hosts.drop(percent: 100)
            let ends = try job.wait(within: .seconds(20))
            #expect(ends.map(\.status) == [69, 69])
            #expect(ends[0].errors.contains("rank 1 "), "\(ends)")
            #expect(ends[1].errors.contains("rank 0 "), "\(ends)")
        }

        @Test func `A short interruption is survived, to the same bits`() throws {
            let local = try TrainingRun.steps(400, Self.off)
            #expect(try RankedJob(local, ranks: 2).wait().map(\.status) == [0, 0])
            let hosts = try TwoHosts()
            let run = try TrainingRun.steps(400, Self.off)
            let job = try start(run, hosts)
            try job.ranks[0].wait(for: "to reach step 20") { run.hasReached(20) }
            try hosts.setConnected(false)
            // The interruption is what is tested; there is no event to wait for.
            Glibc.poll(nil, 0, 2000)
            try hosts.setConnected(true)
            let outcomes = try job.wait()
            #expect(outcomes.map(\.status) == [0, 0], "\(outcomes)")
            #expect(try run.trace() == local.trace())
        }
    }
}
