/// The checks of `mlx-train doctor` on what is known of a node.
package enum Doctor {
    /// Every check, in the order of the table.
    package static func findings(_ facts: NodeFacts) -> [Finding] {
        [
            mpirun(facts), root(facts), slots(facts), cores(facts), quota(facts), ranks(facts),
            blas(facts), sharedMemory(facts), memoryReading(facts), network(facts), name(facts),
            ports(facts), files(facts), memory(facts), disk(facts), hugePages(facts),
            slurm(facts),
        ].compactMap { $0 }
    }

    private static func mpirun(_ facts: NodeFacts) -> Finding {
        guard let version = facts.mpirun else {
            return .warning(
                "mpirun", "not on the PATH",
                fix: "install openmpi-bin, or use mlx-launch --transport zmq")
        }
        guard version.contains("Open MPI") else {
            return .warning(
                "mpirun", "\(version), which is not Open MPI",
                fix: "put Open MPI's mpirun first on the PATH")
        }
        return .good("mpirun", version)
    }

    private static func root(_ facts: NodeFacts) -> Finding {
        guard facts.isRoot else { return .good("root", "not root") }
        guard !facts.allowsMPIAsRoot else {
            return .good("root", "root, and OMPI_ALLOW_RUN_AS_ROOT is set")
        }
        return .warning(
            "root", "root: mpirun alone refuses to run",
            fix: "start with mlx-launch, or mpirun --allow-run-as-root")
    }

    private static func slots(_ facts: NodeFacts) -> Finding {
        .good(
            "slots",
            "mpirun alone starts at most a rank a core of \(facts.coresOfNode.count); "
                + "mlx-launch any number")
    }

    private static func cores(_ facts: NodeFacts) -> Finding {
        let (allowed, all) = (facts.coresAllowed.count, facts.coresOfNode.count)
        guard allowed < all else { return .good("cores", "all \(all) usable") }
        return .warning(
            "cores", "bound to \(allowed) of \(all)",
            fix: "mpirun --bind-to none, srun --cpus-per-task, or no taskset")
    }

    private static func quota(_ facts: NodeFacts) -> Finding? {
        guard let quota = facts.coreQuota else { return nil }
        let threads = facts.coresAllowed.count
        let found = "a control group grants \(ProgressDisplay.rounded(quota)) cores"
        guard quota < Double(threads) else { return .good("core quota", found) }
        return .warning(
            "core quota", "\(found) to \(threads) threads",
            fix: "raise the container's CPU limit, or give it whole cores (--cpuset-cpus)")
    }

    private static func ranks(_ facts: NodeFacts) -> Finding? {
        guard let ranks = facts.ranks else { return nil }
        let cores = facts.coresAllowed.count
        guard ranks <= cores else {
            return .warning(
                "threads", "\(ranks) ranks share \(cores) cores",
                fix: "use at most \(cores) ranks on this node")
        }
        return .good("threads", "\(cores / ranks) for each of \(ranks) ranks")
    }

    private static func blas(_ facts: NodeFacts) -> Finding {
        guard let better = facts.betterBlasCore else {
            return .good("OpenBLAS", "\(facts.blasCore) kernels")
        }
        return .warning(
            "OpenBLAS", "\(facts.blasCore) kernels on a processor for \(better)",
            fix: "mlx-train corrects it itself; other programs: OPENBLAS_CORETYPE=\(better)")
    }

    private static func sharedMemory(_ facts: NodeFacts) -> Finding {
        guard let free = facts.sharedMemoryFree else {
            return .problem(
                "/dev/shm", "cannot be written",
                fix: "mount -t tmpfs tmpfs /dev/shm, or docker run --shm-size=2g")
        }
        guard free >= 256 << 20 else {
            return .warning(
                "/dev/shm", "\(size(free)) free",
                fix: "docker run --shm-size=2g, or mount -o remount,size=2g /dev/shm")
        }
        return .good("/dev/shm", "\(size(free)) free")
    }

    private static func memoryReading(_ facts: NodeFacts) -> Finding {
        let fix =
            "docker run --cap-add SYS_PTRACE, or "
            + "export OMPI_MCA_btl_vader_single_copy_mechanism=none"
        switch facts.memoryReading {
        case .works: return .good("CMA", "ranks may read each other's memory")
        case .refused:
            return .warning("CMA", "process_vm_readv is refused: MPI floods errors", fix: fix)
        case .restricted(let level):
            return .warning("CMA", "kernel.yama.ptrace_scope is \(level)", fix: fix)
        }
    }

    private static func network(_ facts: NodeFacts) -> Finding {
        let usable = facts.interfaces.filter { !$0.isLoopback }
        let list = usable.map { "\($0.name) \($0.address)" }.joined(separator: ", ")
        guard !usable.isEmpty else {
            return .warning(
                "network", "loopback only: jobs run on this node alone",
                fix: "bring an interface up for jobs on several nodes")
        }
        let bridges = usable.filter { interface in
            ["docker", "virbr", "br-", "veth", "cni", "podman", "lxc"]
                .contains { interface.name.hasPrefix($0) }
        }
        guard usable.count == 1 || bridges.isEmpty else {
            let name = usable.first { !bridges.contains($0) }?.name ?? "eth0"
            return .warning(
                "network", "MPI may use any of \(list)",
                fix: "mlx-launch --interface \(name), or launch/mpi.sh -i \(name)")
        }
        return .good("network", usable.count == 1 ? "MPI uses \(list)" : "MPI uses all of \(list)")
    }

    private static func name(_ facts: NodeFacts) -> Finding {
        guard facts.resolvesOwnName else {
            return .warning(
                "host name", "\(facts.hostName) has no address",
                fix: "add it to /etc/hosts")
        }
        return .good("host name", "\(facts.hostName) resolves")
    }

    private static func ports(_ facts: NodeFacts) -> Finding {
        guard facts.canListen else {
            return .problem(
                "ports", "no port of 127.0.0.1 can be opened",
                fix: "bring lo up (ip link set lo up), and check the firewall")
        }
        return .good("ports", "127.0.0.1 takes connections")
    }

    private static func files(_ facts: NodeFacts) -> Finding {
        guard facts.openFiles >= 512 else {
            return .warning(
                "open files", "at most \(facts.openFiles) a process", fix: "ulimit -n 4096")
        }
        return .good("open files", "at most \(facts.openFiles) a process")
    }

    private static func memory(_ facts: NodeFacts) -> Finding {
        guard facts.memoryAvailable >= 512 << 20 else {
            return .warning(
                "memory", "\(size(facts.memoryAvailable)) available",
                fix: "end other programs, or raise the container's memory limit")
        }
        return .good("memory", "\(size(facts.memoryAvailable)) available")
    }

    private static func disk(_ facts: NodeFacts) -> Finding {
        guard let free = facts.outputFree else {
            return .problem(
                "disk", "\(facts.outputFolder) cannot be written",
                fix: "choose another --output, or change its rights")
        }
        guard free >= 1 << 30 else {
            return .warning(
                "disk", "\(size(free)) free in \(facts.outputFolder)",
                fix: "free some, or lower checkpoint.keep_last")
        }
        return .good("disk", "\(size(free)) free in \(facts.outputFolder)")
    }

    private static func hugePages(_ facts: NodeFacts) -> Finding {
        switch facts.hugePages {
        case "never"?:
            return .warning(
                "huge pages", "transparent_hugepage is never: large arrays are slower",
                fix: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
        case let mode?: return .good("huge pages", "transparent_hugepage is \(mode)")
        case nil: return .good("huge pages", "the kernel has none")
        }
    }

    private static func slurm(_ facts: NodeFacts) -> Finding? {
        if facts.isSlurmSingleton {
            return .problem(
                "Slurm", "srun without PMIx: every task is a world of its own",
                fix: "srun --mpi=pmix, or mpirun inside the allocation")
        }
        guard let kinds = facts.slurmKinds else { return nil }
        guard kinds.contains(where: { $0.hasPrefix("pmix") }) else {
            return .warning(
                "Slurm", "srun serves \(kinds.joined(separator: ", ")), not pmix",
                fix: "start with mpirun or mlx-launch inside the allocation")
        }
        return .good("Slurm", "srun serves pmix")
    }

    private static func size(_ bytes: Int) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(bytes), 0)
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(ProgressDisplay.rounded(value)) \(units[unit])"
    }
}
