/// What can be wrong with a launch before any rank has failed.
package enum LaunchError: Error, Equatable, Sendable {
    /// A line of a hostfile, or an entry of `--hosts`, that cannot be read.
    case hosts(source: String, line: Int?, reason: String)
    /// A file that cannot be read; `code` is the errno value.
    case unreadable(path: String, code: Int32)
    /// A file or folder that cannot be written.
    case unwritable(path: String, code: Int32)
    /// More ranks than the hosts may run.
    case tooManyRanks(wanted: Int, allowed: Int)
    /// Arguments that do not make sense together.
    case usage(String)
    /// The system refused a process, socket or pipe.
    case system(call: String, code: Int32)
    /// A program that the launch needs is not installed.
    case programMissing(String, fix: String)
}

extension LaunchError {
    /// The status that a command ends with after this error.
    package var exitStatus: Int32 {
        switch self {
        case .hosts, .tooManyRanks, .usage: LaunchStatus.usage
        case .unreadable: LaunchStatus.missing
        case .unwritable: LaunchStatus.cannotWrite
        case .system, .programMissing: LaunchStatus.unavailable
        }
    }
}

extension LaunchError: CustomStringConvertible {
    /// One line with the cause, the place and the fix.
    package var description: String {
        switch self {
        case .hosts(let source, let line, let reason):
            "\(source)\(line.map { ":\($0)" } ?? ""): \(reason)"
        case .unreadable(let path, let code): "cannot read \(path): \(systemWords(code))"
        case .unwritable(let path, let code): "cannot write \(path): \(systemWords(code))"
        case .tooManyRanks(let wanted, let allowed):
            "\(wanted) ranks do not fit: the hosts allow \(allowed) (max_slots); "
                + "lower -n or raise max_slots"
        case .usage(let reason): reason
        case .system(let call, let code): "\(call) failed: \(systemWords(code))"
        case .programMissing(let program, let fix): "no program \(program) on the PATH; \(fix)"
        }
    }
}

/// The exit statuses that a launch knows; those of `sysexits.h`.
package enum LaunchStatus {
    /// Wrong flags, hosts or job.
    package static let usage: Int32 = 64
    /// Bad data or checkpoint.
    package static let data: Int32 = 65
    /// A file or program is missing.
    package static let missing: Int32 = 66
    /// A host or rank is unavailable.
    package static let unavailable: Int32 = 69
    /// The output cannot be written.
    package static let cannotWrite: Int32 = 73
    /// Stopped by a signal after saving.
    package static let interrupted: Int32 = 75

    /// The statuses after which another start would end the same way, or was not wanted.
    package static let final: Set<Int32> = [0, usage, data, missing, cannotWrite, interrupted]
}
