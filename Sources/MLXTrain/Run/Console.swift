import Glibc
import MLXDistributed

/// The two streams of a command, written at once and without buffers.
package enum Console {
    /// Whether what is written to standard output appears on a terminal.
    ///
    /// Open MPI's mpirun gives every rank a terminal of its own and passes on what comes from it,
    /// so there the standard output of mpirun decides.
    package static var isTerminal: Bool {
        guard isatty(STDOUT_FILENO) == 1 else { return false }
        let environment = try? LaunchEnvironment.current()
        guard environment?.launcher == .openMPI else { return true }
        var target = [CChar](repeating: 0, count: 256)
        let count = readlink("/proc/\(getppid())/fd/1", &target, target.count)
        let path = String(
            decoding: target.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.hasPrefix("/dev/pts/") || path.hasPrefix("/dev/tty")
    }

    /// The columns of the terminal, 80 where it does not say.
    package static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Opens those of the three standard streams that are closed, so that no file of the run gets
    /// the number of one and with it what is meant for the user.
    package static func holdStreams() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
        where fcntl(descriptor, F_GETFD) == -1 {
            // The system gives the lowest free number, which is this one.
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// Writes text to standard output as it is.
    package static func write(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// Writes text to standard output that is the command's result, so that it must arrive.
    package static func deliver(_ text: String) throws(FileFailure) {
        try Files.append(Array(text.utf8), to: STDOUT_FILENO, path: "standard output")
    }

    /// Writes the line of an error or a warning to standard error.
    package static func complain(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        // A reader that has stopped reading, as a launcher that is told to end, must not keep the
        // run from being saved.
        var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while poll(&output, 1, 50) <= 0 {
            if StopSignals.pending != nil { return }
        }
        // Nobody may be left to read it, which is no reason to stop the work.
        try? Files.append(Array(text.utf8), to: descriptor, path: "standard output")
    }
}
