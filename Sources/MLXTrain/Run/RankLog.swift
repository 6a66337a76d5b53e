import Glibc

/// The log of one rank, `logs/rank-N.log`: one line an event, each with its time.
package final class RankLog {
    private let descriptor: Int32
    private let path: String

    /// Opens the log, or creates it and its folder, to append to it.
    package init(folder: String, rank: Int) throws(FileFailure) {
        try Files.makeFolder(folder)
        path = "\(folder)/rank-\(rank).log"
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileFailure("create", path) }
    }

    deinit { close(descriptor) }

    /// Appends a line.
    package func write(_ text: String) throws(FileFailure) {
        let line = "\(Timestamp.now) \(text)\n"
        try Files.append(Array(line.utf8), to: descriptor, path: path)
    }
}

/// Points in time as text.
package enum Timestamp {
    /// The present time in UTC with milliseconds, as in `2025-01-31T09:30:00.125Z`.
    package static var now: String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return text(time)
    }

    /// When a file was written last; nil where there is none.
    package static func modification(of path: String) -> String? {
        var status = stat()
        return stat(path, &status) == 0 ? text(status.st_mtim) : nil
    }

    private static func text(_ moment: timespec) -> String {
        var time = moment
        var parts = tm()
        gmtime_r(&time.tv_sec, &parts)
        let date = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), to: 2) }
        let day = date.map { padded($0, to: 2) }.joined(separator: "-")
        let fraction = padded(time.tv_nsec / 1_000_000, to: 3)
        return "\(day)T\(clock.joined(separator: ":")).\(fraction)Z"
    }

    private static func padded(_ number: Int, to count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}
