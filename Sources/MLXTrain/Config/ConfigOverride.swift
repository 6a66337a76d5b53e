/// One `--set key.path=value`: a value is read as JSON, else as a string.
struct ConfigOverride {
    let keys: [String]
    let node: JSONNode

    init(_ text: String) throws(ConfigError) {
        guard let equals = text.firstIndex(of: "=") else { throw .malformedOverride(text) }
        let path = text[..<equals]
        let value = String(text[text.index(after: equals)...])
        keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !keys.contains("") else { throw .malformedOverride(text) }
        node = ConfigOverride.read(value)
    }

    private static func read(_ value: String) -> JSONNode {
        let source = ConfigPlace.commandLine.source
        guard let node = try? JSONParser.parse(Array(value.utf8), source: source) else {
            return JSONNode(.string(value), at: .commandLine)
        }
        return node.placed(at: .commandLine)
    }
}

extension JSONNode {
    /// Puts the value of an override in its place, with the sections on the way that are absent.
    mutating func apply(_ override: ConfigOverride) throws(ConfigError) {
        try set(override.keys[...], under: "", to: override.node)
    }

    private mutating func set(
        _ keys: ArraySlice<String>, under parent: String, to node: JSONNode
    ) throws(ConfigError) {
        guard let key = keys.first else {
            self = node
            return
        }
        guard case .object(var members) = value else {
            throw .wrongType(
                .commandLine, path: parent.isEmpty ? "the job" : parent, expected: "an object",
                found: summary)
        }
        let path = parent.isEmpty ? key : "\(parent).\(key)"
        var member = JSONMember(
            key, JSONNode(.object([]), at: .commandLine), at: .commandLine)
        let index = members.firstIndex { $0.key == key }
        if let index { member.node = members[index].node }
        if keys.count > 1, case .null = member.node.value { member.node.value = .object([]) }
        try member.node.set(keys.dropFirst(), under: path, to: node)
        if let index {
            members[index] = member
        } else {
            members.append(member)
        }
        value = .object(members)
    }

    /// The same value with `place` at all its parts.
    fileprivate func placed(at place: ConfigPlace) -> JSONNode {
        switch value {
        case .array(let nodes):
            JSONNode(.array(nodes.map { $0.placed(at: place) }), at: place)
        case .object(let members):
            JSONNode(
                .object(
                    members.map { JSONMember($0.key, $0.node.placed(at: place), at: place) }),
                at: place)
        default: JSONNode(value, at: place)
        }
    }
}
