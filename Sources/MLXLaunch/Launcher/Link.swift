import Glibc

/// The launcher's end of one agent.
final class Link {
    let channel: Channel
    let host: String
    /// The process of this machine behind it: the agent or ssh; nil where mpirun started the agent.
    private(set) var process: pid_t?
    /// Standard error of ssh; -1 where there is none.
    private(set) var errors: Int32
    /// The silence after which the host counts as lost; nil where its death closes the channel.
    let patience: Duration?
    /// The ranks that it runs.
    var ranks: [Int]
    var hello: Hello?
    /// The last lines that ssh wrote.
    private(set) var errorLines: [String] = []
    private(set) var status: Int32?
    private var partial: [UInt8] = []

    init(
        channel: Channel, host: String, process: pid_t? = nil, errors: Int32 = -1,
        patience: Duration? = nil, ranks: [Int]
    ) {
        self.channel = channel
        self.host = host
        self.process = process
        self.errors = errors
        self.patience = patience
        self.ranks = ranks
    }

    deinit {
        if errors >= 0 { close(errors) }
    }

    /// Reads what ssh has to say.
    func readErrors() {
        guard errors >= 0 else { return }
        guard let bytes = readAvailable(errors) else {
            close(errors)
            errors = -1
            return
        }
        let lines = (partial + bytes).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        partial = Array(lines.last ?? [])
        errorLines += lines.dropLast().map { line in
            String(decoding: line.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        }
        errorLines.removeFirst(max(0, errorLines.count - 20))
    }

    /// Whether the process behind it has ended; its status is kept.
    func reap() -> Bool {
        guard let process else { return true }
        var raw: Int32 = 0
        guard waitpid(process, &raw, WNOHANG) == process else { return false }
        status = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f
        self.process = nil
        return true
    }

    /// Kills the process behind it.
    func destroy() {
        guard let process else { return }
        kill(-process, SIGKILL)
        var raw: Int32 = 0
        waitpid(process, &raw, 0)
        self.process = nil
    }

    /// Why the channel was closed before its ranks had ended.
    var loss: String {
        let own = errorLines.last { !$0.isEmpty }
        if hello == nil, patience != nil {
            return "cannot start on host \(host)" + (own.map { ": \($0)" } ?? "")
        }
        return "lost host \(host)" + (own.map { ": \($0)" } ?? "")
    }
}
