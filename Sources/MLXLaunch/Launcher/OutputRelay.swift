import Glibc

/// What the ranks write, on its way to the user and to their logs.
///
/// Rank 0's standard output comes as it is, all else with `[rank]` before each line. Lines on
/// standard error are held for a moment: those that a rank ends with are its error, which is told
/// once and last.
final class OutputRelay {
    /// How long a line on standard error may be a rank's last.
    private static let patience = Duration.seconds(1)
    /// The same for a line that names the program, as commands begin their errors, or `mlx-train`,
    /// which a shell or `numactl` may have started.
    private static let complaintPatience = Duration.seconds(10)
    private static let lineLimit = 65536
    /// The last lines of an error that are kept.
    private static let errorLimit = 200

    private struct HeldLine {
        let text: [UInt8]
        let due: ContinuousClock.Instant
    }

    private struct RankOutput {
        var partial: [[UInt8]] = [[], []]
        var held: [HeldLine] = []
        /// Whether what is held is the error that it ended with.
        var isFrozen = false
        var log: Int32 = -1
    }

    private var ranks: [Int: RankOutput] = [:]
    private let programs: Set<String>
    private let logFolder: String?
    /// What waits for standard output and standard error.
    private var pending: [[UInt8]] = [[], []]
    private var isLost = [false, false]

    /// A relay for ranks of a program; the folder for their logs is made.
    init(program: String, logFolder: String?) throws(LaunchError) {
        programs = [String(program.split(separator: "/").last ?? ""), "mlx-train"]
        self.logFolder = logFolder
        guard let logFolder else { return }
        var path = logFolder.hasPrefix("/") ? "" : "."
        for part in logFolder.split(separator: "/") {
            path += "/\(part)"
            guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
                throw .unwritable(path: logFolder, code: errno)
            }
        }
        guard access(logFolder, W_OK) == 0 else {
            throw .unwritable(path: logFolder, code: errno)
        }
    }

    deinit {
        for output in ranks.values where output.log >= 0 { close(output.log) }
    }

    /// Takes what a rank wrote to stream 1 or 2.
    func take(_ bytes: [UInt8], rank: Int, stream: Int) {
        guard stream == 1 || stream == 2 else { return }
        log(bytes, rank)
        var output = ranks[rank] ?? RankOutput()
        var line = output.partial[stream - 1]
        for byte in bytes {
            line.append(byte)
            guard byte == UInt8(ascii: "\n") || line.count >= OutputRelay.lineLimit else {
                continue
            }
            if byte != UInt8(ascii: "\n") { line.append(UInt8(ascii: "\n")) }
            if stream == 2 || rank == RankStart.launcher {
                output.held.append(hold(line))
            } else {
                show(line, rank)
            }
            line = []
        }
        output.partial[stream - 1] = line
        // mpirun's words are those of a failure, and only wanted where no rank has any.
        if rank == RankStart.launcher { output.isFrozen = true }
        if output.isFrozen {
            output.held.removeFirst(max(0, output.held.count - OutputRelay.errorLimit))
        }
        ranks[rank] = output
    }

    /// Ends the lines of a rank that has ended, and lets go of those it holds if it ended well.
    func finish(rank: Int, failed: Bool) {
        for stream in 1...2 where !(ranks[rank]?.partial[stream - 1].isEmpty ?? true) {
            take([UInt8(ascii: "\n")], rank: rank, stream: stream)
        }
        if failed { ranks[rank]?.isFrozen = true } else { release(rank) { _ in true } }
    }

    /// Whether a rank holds an error of its own.
    func holdsError(_ rank: Int) -> Bool { !(ranks[rank]?.held.isEmpty ?? true) }

    /// Takes away the lines that a rank ended with.
    func takeErrors(_ rank: Int) -> [String] {
        defer {
            ranks[rank]?.held = []
            ranks[rank]?.isFrozen = false
        }
        return (ranks[rank]?.held ?? []).map { String(decoding: $0.text.dropLast(), as: UTF8.self) }
    }

    /// Shows the held lines that are due and writes what standard output and error take.
    func flush() {
        let now = ContinuousClock.now
        for rank in ranks.keys where ranks[rank]?.isFrozen == false {
            release(rank) { $0.due <= now }
        }
        for stream in pending.indices { write(stream) }
    }

    /// Writes everything, and waits at most `limit` for a reader.
    func flushAll(within limit: Duration = .seconds(5)) {
        for rank in ranks.keys.sorted() where ranks[rank]?.isFrozen == false {
            release(rank) { _ in true }
        }
        let deadline = ContinuousClock.now + limit
        while pending.contains(where: { !$0.isEmpty }), ContinuousClock.now < deadline {
            var polled = descriptors
            _ = poll(&polled, nfds_t(polled.count), 100)
            for stream in pending.indices { write(stream) }
        }
    }

    /// Whether so much waits that no more should be taken.
    var isFull: Bool { pending.contains { $0.count > 1 << 20 } }

    /// Whether lines are held that become due.
    var isHolding: Bool { ranks.values.contains { !$0.held.isEmpty && !$0.isFrozen } }

    /// What to poll for.
    var descriptors: [pollfd] {
        pending.indices.filter { !pending[$0].isEmpty }.map {
            pollfd(fd: Int32($0 + 1), events: Int16(POLLOUT), revents: 0)
        }
    }

    /// A line of the launcher's own on standard error.
    func say(_ text: String) { pending[1] += Array("\(text)\n".utf8) }

    /// A line in every log.
    func note(_ text: String) {
        guard logFolder != nil else { return }
        for rank in ranks.keys where rank != RankStart.launcher {
            log(Array("\(text)\n".utf8), rank)
        }
    }

    private func hold(_ line: [UInt8]) -> HeldLine {
        let text = String(decoding: line, as: UTF8.self)
        let isComplaint = programs.contains { program in
            text.hasPrefix("\(program): ") && !text.hasPrefix("\(program): warning")
        }
        return HeldLine(
            text: line,
            due: .now + (isComplaint ? OutputRelay.complaintPatience : OutputRelay.patience))
    }

    private func release(_ rank: Int, _ isDue: (HeldLine) -> Bool) {
        guard let held = ranks[rank]?.held, !held.isEmpty else { return }
        // In their order: a line does not pass one that is still held.
        let due = held.prefix(while: isDue)
        for line in due { pending[1] += OutputRelay.mark(rank) + line.text }
        ranks[rank]?.held.removeFirst(due.count)
    }

    private func show(_ line: [UInt8], _ rank: Int) {
        pending[0] += (rank == 0 ? [] : OutputRelay.mark(rank)) + line
    }

    private static func mark(_ rank: Int) -> [UInt8] { Array("[\(rank)] ".utf8) }

    private func write(_ stream: Int) {
        let descriptor = Int32(stream + 1)
        while !pending[stream].isEmpty {
            var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&polled, 1, 0) == 1 else { return }
            // A pipe that is ready takes this much without blocking.
            let count = min(pending[stream].count, Int(PIPE_BUF))
            let written = isLost[stream] ? count : Glibc.write(descriptor, pending[stream], count)
            if written > 0 {
                pending[stream].removeFirst(written)
            } else if errno != EINTR && errno != EAGAIN {
                // Nobody reads it any more, which is no reason to stop the work.
                isLost[stream] = true
                pending[stream] = []
            } else {
                return
            }
        }
    }

    private func log(_ bytes: [UInt8], _ rank: Int) {
        guard let logFolder else { return }
        var output = ranks[rank] ?? RankOutput()
        if output.log < 0 {
            let name = rank == RankStart.launcher ? "mpirun" : "rank-\(rank)"
            output.log = open(
                "\(logFolder)/\(name).log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
            ranks[rank] = output
        }
        if output.log >= 0 { _ = Glibc.write(output.log, bytes, bytes.count) }
    }
}
