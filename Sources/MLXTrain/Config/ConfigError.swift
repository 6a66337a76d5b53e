/// Why a job could not be read; `description` is one line that names the place and the key.
public enum ConfigError: Error, Equatable, Sendable {
    /// The configuration file is not there.
    case missingFile(String)
    /// The configuration file is there and cannot be read.
    case unreadableFile(String, reason: String)
    /// The text is not JSON.
    case syntax(ConfigPlace, message: String)
    /// A key comes twice in its section.
    case duplicateKey(ConfigPlace, path: String)
    /// A key that no version of its section has; `nearest` is the full path of a similar one.
    case unknownKey(ConfigPlace, path: String, nearest: String?, known: [String])
    /// A key that has no meaning beside the rest of its section.
    case inapplicableKey(ConfigPlace, path: String, reason: String)
    /// A key without a default is absent.
    case missingKey(ConfigPlace, path: String, expected: String)
    /// A value of another JSON type.
    case wrongType(ConfigPlace, path: String, expected: String, found: String)
    /// A value out of its range.
    case outOfRange(ConfigPlace, path: String, requirement: String, found: String)
    /// A word that is not one of the accepted ones.
    case unknownWord(
        ConfigPlace, path: String, found: String, accepted: [String], nearest: String?)
    /// A global batch that micro-batches do not fill; `nearest` are the sizes that they would.
    case unevenBatch(ConfigPlace, global: Int, micro: Int, nearest: [Int])
    /// A `--set` argument without `key.path=value`.
    case malformedOverride(String)

    /// The exit status of a command that stops for this error: 64, or 66 for a missing file.
    public var exitStatus: Int32 {
        switch self {
        case .missingFile, .unreadableFile: 66
        default: 64
        }
    }
}

extension ConfigError: CustomStringConvertible {
    /// The error in one line: the place, what is wrong, and what to do.
    public var description: String {
        switch self {
        case .missingFile(let file):
            "\(file): no such file; --config takes the path of a JSON job"
        case .unreadableFile(let file, let reason):
            "\(file): cannot be read: \(reason)"
        case .syntax(let place, let message):
            "\(place): not valid JSON: \(message)"
        case .duplicateKey(let place, let path):
            "\(place): \(path) is given twice; keep one"
        case .unknownKey(let place, let path, let nearest, let known):
            "\(place): unknown key \(path); "
                + (nearest.map { "did you mean \($0)?" }
                    ?? "the keys here are \(known.joined(separator: ", "))")
        case .inapplicableKey(let place, let path, let reason):
            "\(place): \(path) \(reason); remove it"
        case .missingKey(let place, let path, let expected):
            "\(place): \(path) is required: \(expected)"
        case .wrongType(let place, let path, let expected, let found):
            "\(place): \(path) must be \(expected), got \(found)"
        case .outOfRange(let place, let path, let requirement, let found):
            "\(place): \(path) must be \(requirement), got \(found)"
        case .unknownWord(let place, let path, let found, let accepted, let nearest):
            "\(place): \(path) must be \(ConfigError.list(accepted)), got \"\(found)\""
                + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
        case .unevenBatch(let place, let global, let micro, let nearest):
            "\(place): training.global_batch_size \(global) is not a multiple of"
                + " training.micro_batch_size \(micro);"
                + " use \(nearest.map(String.init).joined(separator: " or "))"
        case .malformedOverride(let text):
            "--set \(text): expected key.path=value, as in optimizer.learning_rate=0.01"
        }
    }

    private static func list(_ words: [String]) -> String {
        let quoted = words.map { "\"\($0)\"" }
        guard let last = quoted.last, quoted.count > 1 else { return quoted.joined() }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }
}
