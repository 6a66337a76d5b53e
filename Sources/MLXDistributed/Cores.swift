import Glibc

/// The processor cores of this node.
package enum Cores {
    /// Bytes of a mask as it is exchanged: one bit for each of 1,024 cores.
    static let maskBytes = 128

    /// The cores that this process may run on, ascending.
    ///
    /// Read from the kernel's text: Swift does not see `sched_getaffinity`, a GNU extension.
    package static func allowed() -> [Int] {
        let label = "Cpus_allowed_list:"
        let line = read("/proc/self/status").split(separator: "\n").first { $0.hasPrefix(label) }
        let cores = parse(line?.dropFirst(label.count) ?? "")
        return cores.isEmpty ? online() : cores
    }

    /// The cores of the node that processes of this container or batch job may run on, ascending.
    package static func ofNode() -> [Int] {
        guard let granted = controlGroupCores() else { return online() }
        return online().filter(Set(granted).contains)
    }

    /// Packs core numbers into bits.
    static func mask(of cores: [Int]) -> [UInt8] {
        var mask = [UInt8](repeating: 0, count: maskBytes)
        for core in cores where core < 8 * maskBytes { mask[core / 8] |= 1 << (core % 8) }
        return mask
    }

    /// Unpacks bits into core numbers, ascending.
    static func cores(in mask: some Collection<UInt8>) -> [Int] {
        mask.enumerated().flatMap { index, byte in
            (0..<8).filter { byte & (1 << $0) != 0 }.map { 8 * index + $0 }
        }
    }

    /// A number that processes have in common when they run on the same booted system under the
    /// same host name.
    package static func nodeIdentity() -> UInt64 {
        let system = ["hostname", "random/boot_id"].map { read("/proc/sys/kernel/\($0)") }
        return hash64(Array(system.joined().utf8))
    }

    /// Reads "0-3,8" into core numbers.
    static func parse(_ list: some StringProtocol) -> [Int] {
        list.split(whereSeparator: { ",\n\t ".contains($0) }).flatMap { item -> [Int] in
            let ends = item.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    private static func online() -> [Int] {
        let cores = parse(read("/sys/devices/system/cpu/online"))
        return cores.isEmpty ? Array(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) : cores
    }

    /// The cores of the innermost control group that limits them; nil where none is readable.
    private static func controlGroupCores() -> [Int]? {
        let groups = read("/proc/self/cgroup").split(separator: "\n")
        guard var path = groups.first(where: { $0.hasPrefix("0::/") })?.dropFirst(3) else {
            return nil
        }
        while true {
            let file = "/sys/fs/cgroup\(path)/cpuset.cpus.effective"
            let cores = parse(read(file))
            if !cores.isEmpty { return cores }
            guard let slash = path.lastIndex(of: "/") else { return nil }
            path = path[..<slash]
        }
    }

    /// The beginning of a small file of the kernel; empty where it cannot be read.
    private static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
