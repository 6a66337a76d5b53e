import Glibc
import Synchronization

private let wakeDescriptor = Atomic<Int32>(-1)

/// Signals as bytes that can be polled for; one for the whole process.
struct SignalPipe {
    /// Becomes readable when a signal has come.
    let descriptor: Int32

    /// Catches `signals` from now on, but leaves SIGHUP ignored where it was (nohup).
    init(_ signals: [Int32]) throws(LaunchError) {
        let ends = try makePipe()
        setNonBlocking(ends.write)
        descriptor = ends.read
        wakeDescriptor.store(ends.write, ordering: .releasing)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            let saved = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = write(wakeDescriptor.load(ordering: .relaxed), &byte, 1)
            errno = saved
        }
        action.sa_flags = SA_RESTART
        sigemptyset(&action.sa_mask)
        var wanted = sigset_t()
        sigemptyset(&wanted)
        for number in signals {
            var old = sigaction()
            if number == SIGHUP, sigaction(number, nil, &old) == 0, isIgnored(old) { continue }
            sigaction(number, &action, nil)
            sigaddset(&wanted, number)
        }
        pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// The signals that came since the last call, in order.
    func take() -> [Int32] { (readAvailable(descriptor) ?? []).map(Int32.init) }
}

private func isIgnored(_ action: sigaction) -> Bool {
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        == unsafeBitCast(SIG_IGN, to: Int.self)
}
