import MLXLMCommon

/// Reads the values of one section of a job and refuses what is wrong with the place and path.
///
/// Making a reader already refuses keys that the section does not have.
struct SectionReader<Key: ConfigKey> {
    /// The place of the section's opening bracket.
    let place: ConfigPlace
    private let members: [JSONMember]

    /// - Parameters:
    ///   - node: the section; `nil` reads like a section without keys.
    ///   - place: the place of errors where the section is absent.
    init(_ node: JSONNode?, or place: ConfigPlace) throws(ConfigError) {
        self.place = node?.place ?? place
        guard let node else {
            members = []
            return
        }
        guard case .object(let members) = node.value else {
            let path = Key.section.isEmpty ? "the job" : Key.section
            throw .wrongType(node.place, path: path, expected: "an object", found: node.summary)
        }
        self.members = members
        for member in members where Key(rawValue: member.key) == nil {
            throw unknownKey(member)
        }
    }

    /// The value of a key, `nil` if the section has none.
    func node(_ key: Key) -> JSONNode? {
        members.first { $0.key == key.rawValue }?.node
    }

    /// The value of a key, `nil` if the section has none or it is null.
    func optional(_ key: Key) -> JSONNode? {
        guard let node = node(key) else { return nil }
        if case .null = node.value { return nil }
        return node
    }

    /// The value of a key without a default.
    func required(_ key: Key, _ expected: String) throws(ConfigError) -> JSONNode {
        guard let node = node(key) else {
            throw .missingKey(place, path: key.path, expected: expected)
        }
        return node
    }

    /// Refuses keys that mean nothing beside the values of others.
    func refuse(_ keys: [Key], _ reason: String) throws(ConfigError) {
        for key in keys {
            guard let member = members.first(where: { $0.key == key.rawValue }) else { continue }
            throw .inapplicableKey(member.place, path: key.path, reason: reason)
        }
    }

    private func unknownKey(_ member: JSONMember) -> ConfigError {
        let section = Key.section.isEmpty ? "" : Key.section + "."
        let known = Key.allCases.map(\.rawValue)
        let here = NearestWord.to(member.key, among: known).map { section + $0 }
        let elsewhere = TrainConfig.documentedKeys.first { $0.hasSuffix("." + member.key) }
        return .unknownKey(
            member.place, path: section + member.key, nearest: here ?? elsewhere, known: known)
    }
}

extension SectionReader {
    /// One of the words of an enumeration.
    func word<Word>(_ key: Key, default fallback: Word? = nil) throws(ConfigError) -> Word
    where Word: RawRepresentable<String> & CaseIterable {
        let accepted = Word.allCases.map(\.rawValue)
        guard let node = node(key) else {
            if let fallback { return fallback }
            let expected = "one of " + accepted.joined(separator: ", ")
            throw .missingKey(place, path: key.path, expected: expected)
        }
        let text = try node.text(path: key.path)
        guard let word = Word(rawValue: text) else {
            throw .unknownWord(
                node.place, path: key.path, found: text, accepted: accepted,
                nearest: NearestWord.to(text, among: accepted))
        }
        return word
    }

    func flag(_ key: Key, default fallback: Bool) throws(ConfigError) -> Bool {
        try node(key)?.flag(path: key.path) ?? fallback
    }

    /// `nil` for null and for an absent key.
    func optionalFlag(_ key: Key) throws(ConfigError) -> Bool? {
        try optional(key)?.flag(path: key.path)
    }

    func integer(_ key: Key, default fallback: Int, atLeast minimum: Int) throws(ConfigError) -> Int
    {
        try node(key)?.integer(path: key.path, atLeast: minimum) ?? fallback
    }

    /// A whole number of at least 1; `nil` for null and for an absent key.
    func optionalCount(_ key: Key) throws(ConfigError) -> Int? {
        try optional(key)?.integer(path: key.path, atLeast: 1)
    }

    /// A number of steps between two events; `nil` for null, 0, and an absent key.
    func interval(_ key: Key) throws(ConfigError) -> Int? {
        let steps = try optional(key)?.integer(path: key.path, atLeast: 0)
        return steps == 0 ? nil : steps
    }

    func number(_ key: Key, default fallback: Double, _ range: NumberRange) throws(ConfigError)
        -> Double
    {
        try node(key)?.number(path: key.path, range) ?? fallback
    }
}

/// The numbers that a key accepts.
enum NumberRange {
    case positive
    case nonNegative
    /// [0, 1).
    case fraction

    var requirement: String {
        switch self {
        case .positive: "greater than 0"
        case .nonNegative: "0 or greater"
        case .fraction: "at least 0 and less than 1"
        }
    }

    func contains(_ value: Double) -> Bool {
        switch self {
        case .positive: value > 0
        case .nonNegative: value >= 0
        // The model computes in float32, where the largest numbers below 1 become 1.
        case .fraction: value >= 0 && Float(value) < 1
        }
    }
}

extension JSONNode {
    /// The value in words, for an error.
    var summary: String {
        switch value {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let text): text
        case .string(let text): "the string \(JSONNode.quoted(text))"
        case .array: "a list"
        case .object: "an object"
        }
    }

    func wrongType(_ path: String, _ expected: String) -> ConfigError {
        .wrongType(place, path: path, expected: expected, found: summary)
    }

    func outOfRange(_ path: String, _ requirement: String) -> ConfigError {
        .outOfRange(place, path: path, requirement: requirement, found: compact)
    }

    func text(path: String) throws(ConfigError) -> String {
        guard case .string(let text) = value else { throw wrongType(path, "a string") }
        return text
    }

    func flag(path: String) throws(ConfigError) -> Bool {
        guard case .bool(let value) = value else { throw wrongType(path, "true or false") }
        return value
    }

    func number(path: String, _ range: NumberRange) throws(ConfigError) -> Double {
        guard case .number(let text) = value, let number = Double(text) else {
            throw wrongType(path, "a number")
        }
        guard number.isFinite else { throw outOfRange(path, "a finite number") }
        guard range.contains(number) else { throw outOfRange(path, range.requirement) }
        return number
    }

    func integer(path: String, atLeast minimum: Int) throws(ConfigError) -> Int {
        guard case .number(let text) = value else { throw wrongType(path, "a whole number") }
        guard let number = Int(text) ?? Double(text).flatMap(Int.init(exactly:)) else {
            throw wrongType(path, "a whole number")
        }
        guard number >= minimum else { throw outOfRange(path, "\(minimum) or greater") }
        // So that products of two of them cannot overflow.
        guard number <= Int(Int32.max) else { throw outOfRange(path, "\(Int32.max) or less") }
        return number
    }

    func elements(path: String, _ expected: String) throws(ConfigError) -> [JSONNode] {
        guard case .array(let nodes) = value else { throw wrongType(path, expected) }
        return nodes
    }
}
