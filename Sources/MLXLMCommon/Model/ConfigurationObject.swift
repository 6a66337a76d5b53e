import Foundation

/// An object of a JSON configuration, whose members are read by type.
///
/// A member that is null counts as absent, and one of another type is an error that names the key.
public struct ConfigurationObject: Equatable, Sendable {
    /// The members.
    public var members: [String: ConfigurationValue]

    /// The file, for messages.
    public let source: String

    private let path: String

    /// An object of values; `path` leads to it inside its file.
    public init(_ members: [String: ConfigurationValue], source: String, path: String = "") {
        (self.members, self.source, self.path) = (members, source, path)
    }

    /// The object of a JSON text.
    public init(parsing data: Data, source: String) throws(LanguageModelError) {
        guard let value = try? JSONDecoder().decode(ConfigurationValue.self, from: data) else {
            throw .malformed(source, reason: "it is not JSON")
        }
        guard case .object(let members) = value else {
            throw .malformed(source, reason: "it holds no JSON object")
        }
        self.init(members, source: source)
    }

    /// The object of a JSON file.
    public init(url: URL) throws(LanguageModelError) {
        guard let data = try? Data(contentsOf: url) else {
            throw .missing("\(url.path) is missing or can't be read")
        }
        try self.init(parsing: data, source: url.path)
    }

    /// The text of the object, with sorted keys.
    public func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(ConfigurationValue.object(members))
    }

    /// A member; nil where it is absent or null.
    public subscript(key: String) -> ConfigurationValue? {
        guard let value = members[key], value != .null else { return nil }
        return value
    }

    /// An error about a member.
    public func refusal(_ key: String, _ expected: String) -> LanguageModelError {
        .malformed(source, reason: "\(path)\(key) must be \(expected)")
    }

    private func read<T>(
        _ key: String, _ expected: String, _ convert: (ConfigurationValue) -> T?
    ) throws(LanguageModelError) -> T? {
        guard let value = self[key] else { return nil }
        guard let result = convert(value) else { throw refusal(key, expected) }
        return result
    }

    /// A number.
    public func number(_ key: String) throws(LanguageModelError) -> Double? {
        try read(key, "a number") { $0.asNumber }
    }

    /// A whole number.
    public func integer(_ key: String) throws(LanguageModelError) -> Int? {
        try read(key, "a whole number") { $0.asInteger }
    }

    /// A whole number above 0, which must be there or have a default.
    public func count(
        _ key: String, default fallback: Int? = nil
    ) throws(LanguageModelError) -> Int {
        guard let value = try integer(key) ?? fallback, 1..<1 << 31 ~= value else {
            throw refusal(key, "a whole number above 0")
        }
        return value
    }

    /// True or false.
    public func flag(_ key: String) throws(LanguageModelError) -> Bool? {
        try read(key, "true or false") { $0.asFlag }
    }

    /// A text.
    public func text(_ key: String) throws(LanguageModelError) -> String? {
        try read(key, "a text") { $0.asText }
    }

    /// An object.
    public func object(_ key: String) throws(LanguageModelError) -> ConfigurationObject? {
        guard let members = try read(key, "an object", { $0.asObject }) else { return nil }
        return ConfigurationObject(members, source: source, path: "\(path)\(key).")
    }

    /// A list of texts.
    public func texts(_ key: String) throws(LanguageModelError) -> [String]? {
        try read(key, "a list of texts") { $0.asList { $0.asText } }
    }

    /// A whole number, or a list of them.
    public func integers(_ key: String) throws(LanguageModelError) -> [Int]? {
        try read(key, "whole numbers") { $0.asInteger.map { [$0] } ?? $0.asList { $0.asInteger } }
    }

    /// A list of numbers.
    public func numbers(_ key: String) throws(LanguageModelError) -> [Double]? {
        try read(key, "a list of numbers") { $0.asList { $0.asNumber } }
    }
}
