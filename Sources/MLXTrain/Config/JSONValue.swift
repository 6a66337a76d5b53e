/// A JSON text as a tree that remembers where each part stands and the order of keys.
///
/// Numbers keep their text, so that no precision is lost before the wanted type is known.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONNode])
    case object([JSONMember])
}

/// A JSON value and the place it was read from.
package struct JSONNode: Sendable {
    package var value: JSONValue
    package var place: ConfigPlace

    package init(_ value: JSONValue, at place: ConfigPlace = .generated) {
        self.value = value
        self.place = place
    }

    /// The value of `key` if this is an object that has it.
    package subscript(key: String) -> JSONNode? {
        guard case .object(let members) = value else { return nil }
        return members.first { $0.key == key }?.node
    }
}

/// A key of a JSON object, its place, and its value.
package struct JSONMember: Sendable {
    package var key: String
    package var place: ConfigPlace
    package var node: JSONNode

    package init(_ key: String, _ node: JSONNode, at place: ConfigPlace = .generated) {
        self.key = key
        self.place = place
        self.node = node
    }
}

/// Where a part of a job was written: a file with line and column, or the command line.
public struct ConfigPlace: Equatable, Sendable, CustomStringConvertible {
    /// The file as the user named it, or `--set`.
    public var source: String
    /// The line, counted from 1; `nil` where only the source is known.
    public var line: Int?
    /// The column in characters, counted from 1.
    public var column: Int?

    package init(source: String, line: Int? = nil, column: Int? = nil) {
        self.source = source
        self.line = line
        self.column = column
    }

    /// The place of values given by `--set`.
    package static let commandLine = ConfigPlace(source: "--set")
    /// The place of values that the program itself makes.
    package static let generated = ConfigPlace(source: "")

    /// `file:line:column`, or what is known of it.
    public var description: String {
        guard let line, let column else { return source }
        return "\(source):\(line):\(column)"
    }
}

extension JSONNode {
    package static func bool(_ value: Bool) -> JSONNode { JSONNode(.bool(value)) }
    package static func string(_ value: String) -> JSONNode { JSONNode(.string(value)) }
    package static func array(_ values: [JSONNode]) -> JSONNode { JSONNode(.array(values)) }
    package static var null: JSONNode { JSONNode(.null) }

    package static func integer(_ value: some BinaryInteger) -> JSONNode {
        JSONNode(.number(String(value)))
    }

    /// A finite number in the shortest text that reads back to the same bits; null otherwise.
    package static func number(_ value: Double) -> JSONNode {
        guard value.isFinite else { return .null }
        if value == value.rounded(), abs(value) < 0x1p53 { return integer(Int(value)) }
        return JSONNode(.number(value.description))
    }

    package static func object(_ members: [(String, JSONNode)]) -> JSONNode {
        JSONNode(.object(members.map { JSONMember($0.0, $0.1) }))
    }
}
