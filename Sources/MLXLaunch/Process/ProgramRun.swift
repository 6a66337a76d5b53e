import Glibc

/// A program that runs beside this one, whose output is wanted.
package final class ProgramRun {
    /// How a program ended and what it wrote.
    package struct Result: Sendable {
        /// The exit status, 128 and the signal for a killed one.
        package let status: Int32
        package let output: String
        package let errors: String
        /// When the last byte came.
        package let ended: Double
    }

    /// Its number.
    package let process: pid_t
    private var streams: [Int32]
    private var texts: [[UInt8]] = [[], []]
    private var ended = 0.0

    /// Starts a program; nil where it cannot be started.
    package init?(_ arguments: [String]) {
        guard let output = try? makePipe() else { return nil }
        guard let errors = try? makePipe() else {
            close(output.read)
            close(output.write)
            return nil
        }
        streams = [output.read, errors.read]
        let started = try? Spawn(
            arguments: arguments, environment: ownEnvironment(),
            streams: [nil, output.write, errors.write]
        ).start()
        close(output.write)
        close(errors.write)
        process = started ?? -1
        if started == nil { return nil }
    }

    deinit {
        for stream in streams where stream >= 0 { close(stream) }
    }

    /// The command that starts a program on another host.
    package static func remote(_ command: [String], host: Host, ssh: [String]) -> [String] {
        Links.sshArguments(ssh) + [host.name, "exec " + Links.quoted(command)]
    }

    /// Waits for its end; one that takes longer is killed, and there is no result.
    package func finish(within limit: Duration) -> Result? {
        let deadline = ContinuousClock.now + limit
        while streams.contains(where: { $0 >= 0 }), ContinuousClock.now < deadline {
            var polled = streams.filter { $0 >= 0 }
                .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            _ = poll(&polled, nfds_t(polled.count), 100)
            for index in streams.indices where streams[index] >= 0 { read(index) }
        }
        let isLate = streams.contains { $0 >= 0 }
        if isLate { kill(-process, SIGKILL) }
        var status: Int32 = 0
        waitpid(process, &status, 0)
        guard !isLate else { return nil }
        return Result(
            status: status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f,
            output: String(decoding: texts[0], as: UTF8.self),
            errors: String(decoding: texts[1], as: UTF8.self), ended: ended)
    }

    private func read(_ index: Int) {
        guard let bytes = readAvailable(streams[index]) else {
            close(streams[index])
            streams[index] = -1
            return
        }
        if !bytes.isEmpty { ended = ProgramRun.now }
        texts[index] += bytes
    }

    /// The time in seconds since 1970.
    package static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
