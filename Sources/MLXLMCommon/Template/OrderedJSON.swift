/// A JSON value whose objects keep the order of their keys.
///
/// Chat templates print tools and arguments in the order in which they were written.
public enum OrderedJSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([OrderedJSON])
    case object([Member])

    /// A key of an object, with its value.
    public struct Member: Equatable, Sendable {
        /// The key.
        public let key: String
        /// Its value.
        public let value: OrderedJSON

        /// A key with its value.
        public init(_ key: String, _ value: OrderedJSON) {
            self.key = key
            self.value = value
        }

        /// Whether keys, scalar by scalar, and values are the same.
        public static func == (a: Member, b: Member) -> Bool {
            a.key.utf8.elementsEqual(b.key.utf8) && a.value == b.value
        }
    }

    /// The value of a key of an object, the last one of this name; nil where there is none.
    public subscript(key: String) -> OrderedJSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    /// The text of a string; nil of another value.
    public var stringValue: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The value of a number without a fraction; nil of another value.
    public var intValue: Int? {
        if case .int(let value) = self { value } else { nil }
    }

    /// The value of a boolean; nil of another value.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements of an array; nil of another value.
    public var arrayValue: [OrderedJSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}

extension OrderedJSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A number without a fraction.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Null.
    public init(nilLiteral: ()) { self = .null }
    /// An array.
    public init(arrayLiteral elements: OrderedJSON...) { self = .array(elements) }
    /// An object, in the order of the literal.
    public init(dictionaryLiteral elements: (String, OrderedJSON)...) {
        self = .object(elements.map { Member($0, $1) })
    }
}

extension OrderedJSON {
    /// The value of a JSON text in UTF-8; throws ``TokenizerError`` with the place of what is wrong.
    ///
    /// - Parameter source: the file's name, for messages.
    public init(parsing bytes: [UInt8], source: String) throws {
        self = try JSONCursor.value(bytes, source: source)
    }

    /// A value of Swift's own types: keys of dictionaries in their order by bytes, nil and
    /// `Optional.none` as null.
    ///
    /// Throws ``TemplateError`` for a value that JSON doesn't know.
    public init(_ value: (any Sendable)?) throws {
        switch value {
        case nil: self = .null
        case let value as OrderedJSON: self = value
        case let value as String: self = .string(value)
        case let value as Substring: self = .string(String(value))
        case let value as Bool: self = .bool(value)
        case let value as Int: self = .int(value)
        case let value as any BinaryInteger & Sendable:
            guard let whole = Int(exactly: value) else {
                throw TemplateError.value("\(value) is beyond 64-bit integers")
            }
            self = .int(whole)
        case let value as Double: self = .double(value)
        case let value as Float: self = .double(Double(value))
        case let value as [any Sendable]: self = .array(try value.map { try OrderedJSON($0) })
        case let value as [String: any Sendable]:
            let sorted = value.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            self = .object(try sorted.map { Member($0.key, try OrderedJSON($0.value)) })
        case .some(let value):
            let mirror = Mirror(reflecting: value)
            if mirror.displayStyle == .optional {
                self = .null
            } else {
                throw TemplateError.value("\(type(of: value)) is no JSON value")
            }
        }
    }
}
