import CSystem
import Glibc
import MLX
import MLXDistributed
import MLXLaunch

extension NodeFacts {
    /// The facts of this node; `output` is the folder that a run would be written to.
    package static func collect(ranks: Int?, output: String) -> NodeFacts {
        var facts = NodeFacts()
        facts.ranks = ranks
        facts.isRoot = geteuid() == 0
        facts.allowsMPIAsRoot =
            getenv("OMPI_ALLOW_RUN_AS_ROOT") != nil
            && getenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM") != nil
        facts.mpirun = firstLine(of: ["mpirun", "--version"])
        facts.coresOfNode = Cores.ofNode()
        facts.coresAllowed = Cores.allowed()
        facts.coreQuota = coreQuota()
        facts.blasCore = BLAS.coreName
        facts.betterBlasCore = OpenBLASCore.betterCore(
            than: BLAS.coreName, features: smallFile("/proc/cpuinfo") ?? "")
        facts.sharedMemoryFree = freeBytes("/dev/shm")
        facts.memoryReading = memoryReading()
        facts.interfaces = interfaces()
        facts.hostName = RunLock.host
        facts.resolvesOwnName = resolves(RunLock.host)
        facts.canListen = canListen()
        facts.openFiles = openFiles()
        facts.memoryAvailable = memoryAvailable()
        (facts.outputFolder, facts.outputFree) = outputSpace(output)
        facts.hugePages = hugePages()
        facts.isSlurmSingleton = isSlurmSingleton()
        facts.slurmKinds = slurmKinds()
        return facts
    }

    private static func firstLine(of command: [String]) -> String? {
        guard let result = ProgramRun(command)?.finish(within: .seconds(10)), result.status == 0
        else { return nil }
        return result.output.split(separator: "\n").first.map(String.init)
    }

    private static func coreQuota() -> Double? {
        guard
            let words = smallFile("/sys/fs/cgroup/cpu.max")?.split(whereSeparator: \.isWhitespace),
            words.count == 2, let quota = Double(words[0]), let period = Double(words[1])
        else { return nil }
        return quota / period
    }

    /// Free bytes for this user in a folder; nil where nothing can be written.
    private static func freeBytes(_ folder: String) -> Int? {
        var status = statvfs()
        guard access(folder, W_OK) == 0, statvfs(folder, &status) == 0,
            status.f_flag & UInt(ST_RDONLY) == 0
        else { return nil }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// The nearest folder above the output that exists, and its free bytes.
    private static func outputSpace(_ output: String) -> (String, Int?) {
        var folder = output
        while access(folder, F_OK) != 0 {
            guard let slash = folder.lastIndex(of: "/") else { return (".", freeBytes(".")) }
            folder = String(folder[..<slash])
            if folder.isEmpty { folder = "/" }
        }
        return (folder, freeBytes(folder))
    }

    /// Reads a byte of a child's memory, as MPI's ranks read each other's.
    private static func memoryReading() -> MemoryReading {
        let level =
            smallFile("/proc/sys/kernel/yama/ptrace_scope")
            .flatMap { Int($0.filter(\.isNumber)) } ?? 0
        // Ranks are no descendants of each other; MPI asks to be read by all at level 1.
        if level >= 2, geteuid() != 0 { return .restricted(level) }
        guard let child = ProgramRun(["sleep", "30"]) else { return .works }
        defer { _ = child.finish(within: .zero) }
        let maps = smallFile("/proc/\(child.process)/maps") ?? ""
        guard let start = maps.split(separator: "-").first.flatMap({ UInt($0, radix: 16) }) else {
            return .refused
        }
        var byte: UInt8 = 0
        return cs_read_process(child.process, start, &byte, 1) == 1 ? .works : .refused
    }

    private static func interfaces() -> [Interface] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [Interface] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
                entry.ifa_flags & UInt32(IFF_UP) != 0
            else { continue }
            var host = [CChar](repeating: 0, count: 64)
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            guard getnameinfo(address, length, &host, 64, nil, 0, NI_NUMERICHOST) == 0 else {
                continue
            }
            let text = String(
                decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            found.append(
                Interface(
                    String(cString: entry.ifa_name), text,
                    isLoopback: entry.ifa_flags & UInt32(IFF_LOOPBACK) != 0))
        }
        return found
    }

    private static func resolves(_ host: String) -> Bool {
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, nil, &list) == 0 else { return false }
        freeaddrinfo(list)
        return true
    }

    private static func canListen() -> Bool { MessageSocket.works(on: "127.0.0.1") }

    private static func openFiles() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }

    /// What the node has and a control group grants.
    private static func memoryAvailable() -> Int {
        let line = (smallFile("/proc/meminfo") ?? "").split(separator: "\n")
            .first { $0.hasPrefix("MemAvailable:") }
        let node = (line.flatMap { Int($0.filter(\.isNumber)) } ?? 0) << 10
        func bytes(_ name: String) -> Int? {
            smallFile("/sys/fs/cgroup/\(name)").flatMap { Int($0.filter { !$0.isWhitespace }) }
        }
        guard let limit = bytes("memory.max"), let used = bytes("memory.current") else {
            return node
        }
        return min(node, max(0, limit - used))
    }

    private static func hugePages() -> String? {
        guard let text = smallFile("/sys/kernel/mm/transparent_hugepage/enabled"),
            let start = text.firstIndex(of: "["), let end = text.firstIndex(of: "]")
        else { return nil }
        return String(text[text.index(after: start)..<end])
    }

    private static func isSlurmSingleton() -> Bool {
        guard let environment = try? LaunchEnvironment.current() else { return false }
        return environment.launcher == .slurm && (environment.size ?? 1) > 1
    }

    /// What `srun --mpi=list` names.
    private static func slurmKinds() -> [String]? {
        guard let result = ProgramRun(["srun", "--mpi=list"])?.finish(within: .seconds(10)) else {
            return nil
        }
        let words = (result.output + result.errors).split { $0.isWhitespace || $0 == "," }
        let kinds = words.map(String.init).filter { word in
            ["none", "pmi", "cray", "openmpi"].contains { word.hasPrefix($0) }
        }
        return kinds.isEmpty ? ["none"] : kinds
    }
}
