/// The status with which a command ends: 0, or one of the numbers of `sysexits.h`.
public enum ExitStatus: Int32, Sendable, CaseIterable {
    /// The work is done.
    case done = 0
    /// Wrong flags, or a wrong configuration.
    case usage = 64
    /// Bad data, a checkpoint of another model, or no checkpoint that passes its checks.
    case data = 65
    /// A file that is needed is missing.
    case missing = 66
    /// A peer or the transport is unavailable.
    case unavailable = 69
    /// A fault of the program, a loss that is not finite, or replicas that differ.
    case fault = 70
    /// The output cannot be written, or another job holds it.
    case cannotWrite = 73
    /// The device reported an I/O error.
    case inputOutput = 74
    /// Stopped by a signal after saving: run the same command again to go on.
    case interrupted = 75
}
