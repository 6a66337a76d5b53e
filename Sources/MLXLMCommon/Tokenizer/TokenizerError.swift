/// Why a tokenizer could not be read or used.
public enum TokenizerError: Error, Equatable {
    /// A folder without a tokenizer, or a file that isn't there or can't be read.
    case missing(String)

    /// A file that isn't what it should be: its name, and what is wrong, with the place.
    case malformed(String, reason: String)

    /// A file that asks for something unknown: its name, and what.
    case unsupported(String, reason: String)

    /// A conversation for a model without a chat template.
    case missingChatTemplate
}

extension TokenizerError: CustomStringConvertible {
    /// One line: the cause, the place, and the fix where it is known.
    public var description: String {
        switch self {
        case .missing(let what): what
        case .malformed(let file, let reason): "\(file): \(reason)"
        case .unsupported(let file, let reason): "\(file): \(reason)"
        case .missingChatTemplate:
            "this model has no chat template: give it text, or name a template file"
        }
    }
}
