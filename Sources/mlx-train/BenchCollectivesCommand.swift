import ArgumentParser
import Glibc
import MLX
import MLXDistributed
import MLXTrain

/// The command line of `mlx-train bench-collectives`.
struct BenchCollectivesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-train bench-collectives",
        abstract: "Times sums of float32 arrays over the processes that mpirun starts.",
        discussion: """
            Every size is timed over shared memory (private arrays, and arrays that live in the \
            shared memory, as gradients do) where the ranks are on one node, and over the \
            transport; each array is written anew before each call.
            """)

    @Option(help: ArgumentHelp("The smallest size.", valueName: "bytes"))
    var smallest = 1 << 10

    @Option(help: ArgumentHelp("The largest size; sizes go up by four.", valueName: "bytes"))
    var largest = 256 << 20

    @Option(help: ArgumentHelp("About how long each row is timed.", valueName: "seconds"))
    var seconds = 0.5

    @Option(help: "How the processes are connected; auto: by MPI where an MPI launcher runs.")
    var transport: TransportChoice = .auto

    @Option(
        help: ArgumentHelp(
            "Also time a step of AdamW on this many bytes of parameters: on every process, and "
                + "shared out.", valueName: "bytes"))
    var optimizer: Int?

    @Option(
        help: ArgumentHelp(
            "Instead sum 195 arrays of mixed sizes this often, back to back, and check each sum.",
            valueName: "calls"))
    var soak: Int?

    @Option(
        help: ArgumentHelp(
            "auto: through shared memory where there is some.", valueName: "auto|off"))
    var sharedMemory: SharingChoice = .auto

    @Flag(help: "Answer with one JSON object a row.")
    var json = false

    func validate() throws {
        guard smallest >= 4, smallest % 4 == 0, largest >= smallest else {
            throw ValidationError("sizes are multiples of 4 bytes, --smallest at most --largest")
        }
        guard optimizer.map({ $0 >= 4 && $0 % 4 == 0 }) ?? true else {
            throw ValidationError("--optimizer is a multiple of 4 bytes")
        }
        guard soak.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--soak must be greater than 0")
        }
        guard seconds > 0 else { throw ValidationError("--seconds must be greater than 0") }
    }

    /// Times all sizes and prints each as soon as it is known; a collective.
    func run(_ group: Group) throws {
        guard group.size > 1 else { throw BenchError.alone }
        Workers.count = group.threadBudget
        let isFirst = group.rank == 0
        if let soak {
            let report = try CollectiveSoak(group).run(calls: soak)
            if isFirst { Console.write(text(report, group)) }
            return
        }
        if isFirst { Console.write(head) }
        let benchmark = CollectiveBenchmark(group, seconds: seconds)
        for size in sizes {
            let rows = try benchmark.rows([size])
            if isFirst { Console.write(text(rows)) }
        }
        if let optimizer {
            let rows = try benchmark.optimizerRows(optimizer)
            if isFirst { Console.write(text(rows)) }
        }
    }

    /// Why nothing can be timed.
    enum BenchError: StatusError {
        case alone

        var exitStatus: Int32 { ExitStatus.usage.rawValue }
        var description: String {
            "a single process exchanges nothing; start it with mpirun -n 2 or more"
        }
    }

    /// The sizes in bytes.
    var sizes: [Int] {
        Array(sequence(first: smallest) { $0 * 4 <= largest ? $0 * 4 : nil })
    }

    /// The rows in words.
    func text(_ rows: [CollectiveBenchmark.Row]) -> String {
        rows.map { json ? line($0) : table($0) }.joined()
    }

    /// What came of the sums back to back.
    func text(_ report: CollectiveSoak.Report, _ group: Group) -> String {
        guard !json else {
            return JSONNode.object([
                ("path", .string(group.path)), ("ranks", .integer(group.size)),
                ("calls", .integer(report.calls)), ("arrays", .integer(report.arrays)),
                ("bytes", .integer(report.byteCount)), ("seconds", .number(report.seconds)),
                ("slowest_seconds", .number(report.slowestSeconds)),
            ]).compact + "\n"
        }
        return "\(report.calls) calls of \(report.arrays) arrays (\(report.byteCount) bytes) on "
            + "\(group.size) ranks over \(group.path): \(rounded(report.seconds, 1)) s, the slowest "
            + "call \(rounded(report.slowestSeconds * 1000, 1)) ms, every sum right\n"
    }

    /// The head of the table.
    var head: String {
        json ? "" : "     bytes  path                       µs   algorithm GB/s   bus GB/s\n"
    }

    private func table(_ row: CollectiveBenchmark.Row) -> String {
        let path = row.path.padding(20)
        return "\("\(row.byteCount)".padding(-10))  \(path)"
            + rounded(row.seconds * 1e6, 1).padding(-9)
            + rounded(row.algorithmBandwidth / 1e9, 3).padding(-17)
            + rounded(row.busBandwidth / 1e9, 3).padding(-11) + "\n"
    }

    private func line(_ row: CollectiveBenchmark.Row) -> String {
        JSONNode.object([
            ("path", .string(row.path)), ("bytes", .integer(row.byteCount)),
            ("ranks", .integer(row.ranks)), ("seconds", .number(row.seconds)),
            ("algorithm_bandwidth", .number(row.algorithmBandwidth)),
            ("bus_bandwidth", .number(row.busBandwidth)),
        ]).compact + "\n"
    }

    private func rounded(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = Int((value * scale).rounded())
        let fraction = "\(whole % Int(scale))"
        return "\(whole / Int(scale))."
            + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

/// Whether the processes of a node share memory.
enum SharingChoice: String, ExpressibleByArgument, CaseIterable {
    case auto, off
}

extension Launch {
    /// Does what the arguments after `bench-collectives` ask for, and ends the process.
    static func benchCollectives(_ arguments: [String]) -> Never {
        let command: BenchCollectivesCommand
        do {
            command = try BenchCollectivesCommand.parse(arguments)
        } catch {
            guard isFirstRank else { exit(0) }
            guard BenchCollectivesCommand.exitCode(for: error) != .success else {
                BenchCollectivesCommand.exit(withError: error)
            }
            refuse(
                BenchCollectivesCommand.message(for: error),
                help: "mlx-train bench-collectives --help")
        }
        ParentProcess.endWithLauncher()
        let group: Group
        do {
            group = try Connection(choice: command.transport, config: nil)
                .join(sharesMemory: command.sharedMemory == .auto)
        } catch {
            let verdict = Verdict(error)
            if isFirstRank, let line = verdict.line { Console.complain("mlx-train: \(line)") }
            exit(verdict.status)
        }
        do {
            try command.run(group)
            try group.finalize()
        } catch {
            Connection.end(error, of: group)
        }
        exit(0)
    }
}

extension String {
    /// The text with spaces after it up to a width, or before it where the width is negative.
    fileprivate func padding(_ width: Int) -> String {
        let spaces = String(repeating: " ", count: max(0, abs(width) - count))
        return width < 0 ? spaces + self : self + spaces
    }
}
