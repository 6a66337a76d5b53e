import Foundation

/// A process that a test started; one that still runs when the test lets go of it is killed, with
/// all processes it started.
final class RunningProcess {
    /// A process could not be started, or did not do in time what the test waits for.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let pid: pid_t
    private let arguments: [String]
    private let streams: TemporaryFolder
    private var ended: Outcome?

    /// Starts a program; its first argument is its path.
    ///
    /// It reads nothing, writes its streams to files, and leads a process group of its own.
    init(_ arguments: [String], environment: [String: String] = [:]) throws {
        self.arguments = arguments
        streams = try TemporaryFolder()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for (descriptor, name) in [(Int32(1), "output"), (2, "errors")] {
            posix_spawn_file_actions_addopen(
                &actions, descriptor, streams / name, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid = pid_t()
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, argv, envp)
        guard code == 0 else {
            throw Failure(description: "cannot start \(arguments[0]): error \(code)")
        }
        self.pid = pid
    }

    deinit {
        if ended == nil { killAll() }
    }

    /// What the process has written to standard output.
    var output: String { (try? Disk.text(streams / "output")) ?? "" }

    /// What the process has written to standard error.
    var errors: String { (try? Disk.text(streams / "errors")) ?? "" }

    func send(_ signal: Int32) { kill(pid, signal) }

    /// The processes that this one started and those started by them.
    var descendants: [pid_t] { RunningProcess.descendants(of: pid) }

    /// Waits for the end; one that takes longer is killed, and the test fails.
    func wait(within limit: Duration = .seconds(90)) throws -> Outcome {
        try wait(within: limit, for: "to end") { self.poll() != nil }
        guard let ended else { throw Failure(description: "\(arguments) has no status") }
        return ended
    }

    /// Waits until `condition` holds while the process runs.
    func wait(
        within limit: Duration = .seconds(60), for what: String, until condition: () -> Bool
    ) throws {
        let deadline = ContinuousClock.now + limit
        while !condition() {
            guard ContinuousClock.now < deadline else {
                killAll()
                throw Failure(
                    description: "waited \(limit) for \(arguments) \(what)\n\(output)\(errors)")
            }
            // The kernel offers no event for every condition: look again in 2 ms.
            Glibc.poll(nil, 0, 2)
        }
    }

    /// The outcome, if the process has ended.
    @discardableResult
    func poll() -> Outcome? {
        if ended == nil {
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            let signal = status & 0x7f
            ended = Outcome(
                status: signal == 0 ? status >> 8 & 0xff : 128 + signal, output: output,
                errors: errors)
        }
        return ended
    }

    private func killAll() {
        // A launcher that is killed leaves its ranks to others, so they are looked up before.
        for process in descendants + [pid] { kill(process, SIGKILL) }
        var status: Int32 = 0
        if ended == nil { waitpid(pid, &status, 0) }
    }

    private static func descendants(of parent: pid_t) -> [pid_t] {
        let all = ((try? Disk.names("/proc")) ?? []).compactMap { pid_t($0) }
        let parents = all.map { ($0, parentProcess(of: $0)) }
        var found: [pid_t] = []
        var front = [parent]
        while let next = front.popLast() {
            let children = parents.filter { $0.1 == next }.map(\.0)
            found += children
            front += children
        }
        return found
    }

    private static func parentProcess(of process: pid_t) -> pid_t? {
        // The name of the program stands in parentheses and may hold anything.
        guard let text = try? Disk.text("/proc/\(process)/stat"),
            let end = text.lastIndex(of: ")")
        else { return nil }
        return text[text.index(after: end)...].split(separator: " ").dropFirst().first
            .flatMap { pid_t($0) }
    }
}

/// How a process ended.
struct Outcome {
    /// The exit status; 128 and the signal's number for a killed process.
    let status: Int32
    let output: String
    let errors: String

    /// The lines on standard error.
    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }

    /// The lines on standard error that are the command's own and not mpirun's.
    var complaints: [String] { errorLines.filter { $0.hasPrefix("mlx-train: ") } }
}
