import Glibc

/// The processes that this one started, and those they started.
package enum ProcessTree {
    /// Kills all descendants, also those whose parents have ended.
    ///
    /// Exact where this process adopts orphans (`cs_adopt_orphans`); `spared` are left alone.
    static func killDescendants(sparing spared: Set<pid_t> = []) {
        // The children of a killed process become ours, so each round reaches one level deeper.
        for _ in 0..<64 {
            let found = children(of: getpid()).filter { !spared.contains($0) }
            if found.isEmpty { return }
            for child in found { kill(child, SIGKILL) }
            for child in found {
                var status: Int32 = 0
                waitpid(child, &status, 0)
            }
        }
    }

    /// The processes whose parent is `parent`.
    package static func children(of parent: pid_t) -> [pid_t] {
        // One file a thread, where the kernel has them, instead of one a process of the machine.
        let threads = numbers(in: "/proc/\(parent)/task")
        let lists = threads.map { smallFile("/proc/\(parent)/task/\($0)/children") }
        if !lists.isEmpty, lists.allSatisfy({ $0 != nil }) {
            return lists.flatMap { ($0 ?? "").split(separator: " ").compactMap { pid_t($0) } }
        }
        return numbers(in: "/proc").filter { parentProcess(of: $0) == parent }
    }

    /// A child that has ended and still has its number; nil where there is none.
    static func endedChild() -> pid_t? {
        var info = siginfo_t()
        guard waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0,
            info.si_signo == SIGCHLD
        else { return nil }
        return info._sifields._sigchld.si_pid
    }

    /// Whether a process catches a signal.
    static func catches(_ signal: Int32, _ process: pid_t) -> Bool {
        let status = smallFile("/proc/\(process)/status") ?? ""
        return status.split(separator: "\n").contains { line in
            guard line.hasPrefix("SigCgt:"),
                let digits = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).last,
                let mask = UInt64(digits, radix: 16)
            else { return false }
            return mask & (1 << UInt64(signal - 1)) != 0
        }
    }

    /// The entries of a folder of /proc that are numbers.
    private static func numbers(in folder: String) -> [pid_t] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var numbers: [pid_t] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let number = pid_t(name) { numbers.append(number) }
        }
        return numbers
    }

    /// Nil where the process is gone.
    static func parentProcess(of process: pid_t) -> pid_t? {
        // The program's name stands in parentheses and may hold anything.
        guard let text = smallFile("/proc/\(process)/stat"), let end = text.lastIndex(of: ")")
        else { return nil }
        return text[text.index(after: end)...].split(separator: " ").dropFirst().first
            .flatMap { pid_t($0) }
    }
}
