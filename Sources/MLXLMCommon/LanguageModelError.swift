/// Why a language model could not be loaded or used.
public enum LanguageModelError: Error, Equatable {
    /// A file or folder that isn't there, and what it was wanted for.
    case missing(String)

    /// A file that isn't what it should be: its name, and what is wrong.
    case malformed(String, reason: String)

    /// A model of a kind that is not among the supported ones.
    case unsupportedModel(String, supported: [String])

    /// Weights that do not fit the model that the configuration describes.
    case weights(String, reason: String)

    /// An adapter that does not belong to this model, or is of an unknown kind.
    case adapter(String, reason: String)

    /// A prompt without a token.
    case emptyPrompt

    /// A prompt of more tokens than the model was made for.
    case promptTooLong(tokens: Int, context: Int)

    /// An option that can't be, or not with another one.
    case option(String)

    /// A file that could not be written.
    case unwritable(String, reason: String)

    /// A server that could not be reached, or refused.
    case unavailable(String)
}

extension LanguageModelError: CustomStringConvertible {
    /// One line: the cause, the place, and the fix where it is known.
    public var description: String {
        switch self {
        case .missing(let what): what
        case .malformed(let file, let reason): "\(file): \(reason)"
        case .unsupportedModel(let kind, let supported):
            "the model type \"\(kind)\" is unknown; supported are "
                + supported.sorted().joined(separator: ", ")
        case .weights(let file, let reason):
            "\(file): the weights do not fit the model: \(reason)"
        case .adapter(let folder, let reason): "\(folder): \(reason)"
        case .emptyPrompt: "the prompt is empty: give at least one token"
        case .promptTooLong(let tokens, let context):
            "the prompt has \(tokens) tokens, and the model's context is \(context): shorten it"
        case .option(let what): what
        case .unwritable(let path, let reason): "\(path) can't be written: \(reason)"
        case .unavailable(let what): what
        }
    }

    /// The status that a command ends with: 64 usage, 65 data, 66 a file is missing, 69 a server is
    /// unavailable, 73 output can't be written.
    public var exitStatus: Int32 {
        switch self {
        case .emptyPrompt, .promptTooLong, .option: 64
        case .malformed, .unsupportedModel, .weights, .adapter: 65
        case .missing: 66
        case .unavailable: 69
        case .unwritable: 73
        }
    }
}
