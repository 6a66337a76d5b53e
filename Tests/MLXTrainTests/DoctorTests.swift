import MLXLaunch
import MLXTrain
import Testing

@Suite("The doctor")
struct DoctorTests {
    /// A node without a fault.
    private var healthy: NodeFacts {
        var facts = NodeFacts()
        facts.mpirun = "mpirun (Open MPI) 4.1.4"
        facts.coresOfNode = Array(0..<8)
        facts.coresAllowed = Array(0..<8)
        facts.interfaces = [
            .init("lo", "127.0.0.1", isLoopback: true), .init("eth0", "10.0.0.1"),
        ]
        return facts
    }

    @Test func `finds no fault in a healthy node`() {
        var facts = healthy
        facts.ranks = 4
        facts.coreQuota = 8
        facts.slurmKinds = ["none", "pmix_v4"]
        let findings = Doctor.findings(facts)
        #expect(findings.count == 17)
        #expect(findings.allSatisfy { $0.state == .good && $0.fix.isEmpty && !$0.found.isEmpty })
        #expect(DoctorReport(hosts: [HostReport(host: "a", findings: findings)]).status == .done)
    }

    /// A fault, the check that must find it, and words of its fix.
    struct Fault: Sendable, CustomTestStringConvertible {
        let check: String
        let state: Finding.State
        let fix: String
        let make: @Sendable (inout NodeFacts) -> Void
        var testDescription: String { "\(check): \(fix)" }

        init(
            _ check: String, _ state: Finding.State, _ fix: String,
            _ make: @escaping @Sendable (inout NodeFacts) -> Void
        ) {
            (self.check, self.state, self.fix, self.make) = (check, state, fix, make)
        }
    }

    static let faults = [
        Fault("mpirun", .warning, "--transport zmq") { $0.mpirun = nil },
        Fault("mpirun", .warning, "Open MPI's mpirun") { $0.mpirun = "HYDRA build details" },
        Fault("root", .warning, "--allow-run-as-root") { $0.isRoot = true },
        Fault("cores", .warning, "--bind-to none") { $0.coresAllowed = [3] },
        Fault("core quota", .warning, "CPU limit") { $0.coreQuota = 1.5 },
        Fault("threads", .warning, "at most 8 ranks") { $0.ranks = 9 },
        Fault("OpenBLAS", .warning, "OPENBLAS_CORETYPE=SkylakeX") {
            $0.blasCore = "Prescott"
            $0.betterBlasCore = "SkylakeX"
        },
        Fault("/dev/shm", .warning, "--shm-size") { $0.sharedMemoryFree = 64 << 20 },
        Fault("/dev/shm", .problem, "mount -t tmpfs") { $0.sharedMemoryFree = nil },
        Fault("CMA", .warning, "SYS_PTRACE") { $0.memoryReading = .refused },
        Fault("CMA", .warning, "single_copy_mechanism=none") { $0.memoryReading = .restricted(2) },
        Fault("network", .warning, "interface up") { $0.interfaces = [] },
        Fault("network", .warning, "--interface eth0") {
            $0.interfaces.append(.init("docker0", "172.17.0.1"))
        },
        Fault("host name", .warning, "/etc/hosts") { $0.resolvesOwnName = false },
        Fault("ports", .problem, "ip link set lo up") { $0.canListen = false },
        Fault("open files", .warning, "ulimit -n") { $0.openFiles = 64 },
        Fault("memory", .warning, "memory limit") { $0.memoryAvailable = 1 << 20 },
        Fault("disk", .warning, "checkpoint.keep_last") { $0.outputFree = 1 << 20 },
        Fault("disk", .problem, "another --output") { $0.outputFree = nil },
        Fault("huge pages", .warning, "echo madvise") { $0.hugePages = "never" },
        Fault("Slurm", .problem, "srun --mpi=pmix") { $0.isSlurmSingleton = true },
        Fault("Slurm", .warning, "inside the allocation") { $0.slurmKinds = ["none", "pmi2"] },
    ]

    @Test(arguments: faults)
    func `finds each fault, and only that, with its fix`(fault: Fault) {
        var facts = healthy
        fault.make(&facts)
        let faults = Doctor.findings(facts).filter { $0.state != .good }
        #expect(faults.map(\.check) == [fault.check])
        #expect(faults.first?.state == fault.state)
        #expect(faults.first?.fix.contains(fault.fix) == true, "\(faults)")
        let report = DoctorReport(hosts: [HostReport(host: "a", findings: faults)])
        #expect(report.status.rawValue == (fault.state == .problem ? 69 : 0))
        #expect(report.table.contains("fix: \(faults.first?.fix ?? "?")\n"))
    }

    @Test func `tells the same in JSON`() throws {
        var facts = healthy
        facts.isRoot = true
        facts.outputFolder = "/a \"b\""
        let report = DoctorReport(
            hosts: ["one", "two"].map { HostReport(host: $0, findings: Doctor.findings(facts)) })
        let read = try #require(DoctorReport.read(report.json(time: 1234.5)))
        #expect(read.report == report)
        #expect(read.time == 1234.5)
        #expect(DoctorReport.read("{}") == nil)
        #expect(DoctorReport.read("no") == nil)
    }

    @Test func `looks at this very node`() {
        let facts = NodeFacts.collect(ranks: 1, output: "/tmp/there/is/none")
        #expect(!facts.coresAllowed.isEmpty)
        #expect(facts.outputFolder == "/tmp")
        #expect(facts.canListen)
        #expect(facts.memoryAvailable > 0)
        #expect(facts.interfaces.contains { $0.isLoopback && $0.address == "127.0.0.1" })
        #expect(Doctor.findings(facts).count >= 15)
    }

    @Test func `tells a host that ssh does not reach from one without the program`() throws {
        func findings(_ script: String) throws -> [Finding] {
            let start = ProgramRun.now
            let run = try #require(ProgramRun(["/bin/sh", "-c", script]))
            return DoctorHosts.findings(
                run.finish(within: .seconds(30)), start: start, program: "/opt/mlx-train")
        }
        let refused = try findings("printf 'Permission denied (publickey).\\r\\n' >&2; exit 255")
        #expect(refused.map(\.check) == ["ssh"])
        #expect(
            refused[0].state == .problem && refused[0].found == "Permission denied (publickey).")
        let missing = try findings("echo 'no such file' >&2; exit 127")
        #expect(missing.map(\.check) == ["mlx-train"])
        #expect(missing[0].fix.contains("/opt/mlx-train"))

        let report = DoctorReport(hosts: [HostReport(host: "x", findings: [])])
        let near = try findings("echo welcome; echo '\(report.json(time: ProgramRun.now))'")
        #expect(near.map(\.state) == [.good, .good])
        let far = try findings("echo '\(report.json(time: ProgramRun.now - 3600))'")
        #expect(far.map(\.check) == ["ssh", "clock"])
        #expect(far[1].state == .warning && far[1].found.hasPrefix("off by 3600"))
    }
}
