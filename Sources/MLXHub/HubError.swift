/// Why a model could not be had from the hub, in one line.
public enum HubError: Error, Equatable {
    /// A name that is no model's, or a file name that leads out of its folder.
    case name(String)

    /// The hub has no such model, revision or file, or does not give it to this user.
    case refused(String)

    /// The hub could not be reached, or broke off too often.
    case unavailable(String)

    /// The hub answered what it should not: an answer that can't be read, a wrong digest.
    case malformed(String)

    /// The cache could not be written.
    case unwritable(String, reason: String)
}

extension HubError: CustomStringConvertible {
    /// The cause, the place, and the fix where it is known.
    public var description: String {
        switch self {
        case .name(let words), .refused(let words), .unavailable(let words), .malformed(let words):
            words
        case .unwritable(let path, let reason): "\(path) can't be written: \(reason)"
        }
    }

    /// The status that a command ends with: 64 a bad name, 65 a bad answer, 66 no such model, 69 the
    /// hub can't be reached, 73 the cache can't be written.
    public var exitStatus: Int32 {
        switch self {
        case .name: 64
        case .malformed: 65
        case .refused: 66
        case .unavailable: 69
        case .unwritable: 73
        }
    }
}
