/// Why a chat template could not be read or gave no text.
public enum TemplateError: Error, Equatable {
    /// The template's text is wrong, at a line of it.
    case syntax(line: Int, reason: String)

    /// Writing the text failed, at a line of the template.
    case rendering(line: Int, reason: String)

    /// The template itself refused the conversation, with its `raise_exception`.
    case raised(String)

    /// A variable can't be handed to a template.
    case value(String)
}

extension TemplateError: CustomStringConvertible {
    /// One line: the cause and the place.
    public var description: String {
        switch self {
        case .syntax(let line, let reason): "chat template, line \(line): \(reason)"
        case .rendering(let line, let reason): "chat template, line \(line): \(reason)"
        case .raised(let message): "the chat template refuses the conversation: \(message)"
        case .value(let reason): "chat template: \(reason)"
        }
    }
}
