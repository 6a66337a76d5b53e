import Glibc
import Synchronization

/// The number of the signal that asked this process to stop; 0 before one came.
private let received = Atomic<Int32>(0)

/// The request to stop that SIGINT, SIGTERM and SIGUSR1 stand for.
///
/// The first signal only sets a flag, which the training loop reads between two steps; a second
/// one ends the process at once with status 128 + its number.
package enum StopSignals {
    /// The signals that ask for a stop.
    package static let numbers: [Int32] = [SIGINT, SIGTERM, SIGUSR1]

    /// Installs the handlers.
    package static func install() {
        // Read once here, so that the handler never runs an initializer.
        _ = received.load(ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            if received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
        }
        action.sa_flags = SA_RESTART
        sigemptyset(&action.sa_mask)
        var waited = sigset_t()
        sigemptyset(&waited)
        for number in numbers {
            sigaction(number, &action, nil)
            sigaddset(&waited, number)
        }
        // A launcher may have started this process with them blocked.
        pthread_sigmask(SIG_UNBLOCK, &waited, nil)
    }

    /// The signal that came, or nil.
    package static var pending: Int32? {
        let number = received.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Forgets a signal that came.
    package static func clear() { received.store(0, ordering: .relaxed) }
}
