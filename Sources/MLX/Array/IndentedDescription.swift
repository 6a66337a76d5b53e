/// A value that describes itself over several lines, inside a text that is already indented.
public protocol IndentedDescription: CustomStringConvertible {
    /// The description, with every line after the first indented by `indent` spaces.
    func description(indent: Int) -> String
}

extension IndentedDescription {
    /// The description without indentation.
    public var description: String { description(indent: 0) }
}

/// Describes any value: indented if the value can do that, in one piece otherwise.
public func indentedDescription(_ value: Any, _ indent: Int) -> String {
    if let value = value as? any IndentedDescription {
        return value.description(indent: indent)
    }
    return String(describing: value)
}

/// Joins already indented lines between two brackets, one line each.
func bracketed(_ lines: [String], open: String, close: String, indent: Int) -> String {
    if lines.isEmpty { return open + close }
    let margin = String(repeating: " ", count: indent)
    let body = lines.map { "\(margin)  \($0)" }.joined(separator: ",\n")
    return "\(open)\n\(body)\n\(margin)\(close)"
}
