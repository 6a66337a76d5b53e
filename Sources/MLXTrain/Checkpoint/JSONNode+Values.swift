extension JSONNode {
    /// The value as an integer, if it is one that fits.
    package var integerValue: Int? {
        guard case .number(let text) = value else { return nil }
        return Int(text)
    }

    /// The value as a number, if it is one.
    package var doubleValue: Double? {
        guard case .number(let text) = value else { return nil }
        return Double(text)
    }

    /// The value as text, if it is a string.
    package var stringValue: String? {
        guard case .string(let text) = value else { return nil }
        return text
    }

    /// The elements, if this is a list.
    package var elements: [JSONNode]? {
        guard case .array(let nodes) = value else { return nil }
        return nodes
    }
}
