import Foundation

/// The memory of this process as the kernel counts it, in MiB.
enum ProcessMemory {
    /// What is resident now.
    static func resident() -> Double { field("VmRSS:") }

    /// The most that was resident since the start, or since `resetPeak()`.
    static func peak() -> Double { field("VmHWM:") }

    static func resetPeak() throws {
        try Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
    }

    private static func field(_ name: String) -> Double {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
            let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first
                .flatMap({ Double($0) })
        else { return .nan }
        return kilobytes / 1024
    }
}
