/// A dictionary of places in a tree, such as the parameters of a model under its modules' names.
///
/// `flattened()` gives dotted keys, for example `layers.0.weight`, and `unflattened(_:)` goes back.
public struct NestedDictionary<Key: Hashable, Element>: CustomStringConvertible {
    package private(set) var contents: [Key: NestedItem<Key, Element>]

    /// An empty dictionary.
    public init() { contents = [:] }

    /// A dictionary of the given places.
    public init(values: [Key: NestedItem<Key, Element>]) { contents = values }

    /// The dictionary inside `item`; an empty place gives an empty dictionary.
    ///
    /// A value or a list is a programming error and stops the program.
    public init(item: NestedItem<Key, Element>) {
        switch item {
        case .none: contents = [:]
        case .dictionary(let values): contents = values
        case .value, .array:
            preconditionFailure("[NestedDictionary] made from a value or a list: \(item)")
        }
    }

    /// The place with this key, or nil.
    public subscript(key: Key) -> NestedItem<Key, Element>? {
        get { contents[key] }
        set { contents[key] = newValue }
    }

    /// The value with this key, or nil where there is none or where the place holds something else.
    public subscript(unwrapping key: Key) -> Element? {
        if case .value(let element)? = contents[key] { element } else { nil }
    }

    /// The keys of the outermost level.
    public var keys: Dictionary<Key, NestedItem<Key, Element>>.Keys { contents.keys }

    /// The places of the outermost level.
    public var values: Dictionary<Key, NestedItem<Key, Element>>.Values { contents.values }

    /// Whether the outermost level has no keys.
    public var isEmpty: Bool { contents.isEmpty }

    /// The number of keys of the outermost level.
    public var count: Int { contents.count }

    /// This dictionary as one place of a larger tree.
    public func asItem() -> NestedItem<Key, Element> { .dictionary(contents) }

    /// The tree as plain Swift dictionaries, arrays and values.
    public func asDictionary() -> [Key: Any?] { contents.mapValues { $0.unwrap() } }

    /// The tree as text, one line a place, keys in ascending order.
    public var description: String { asItem().description }
}

extension NestedDictionary {
    /// The same tree with every value transformed.
    public func mapValues<Result>(
        transform: (Element) throws -> Result
    ) rethrows -> NestedDictionary<Key, Result> {
        NestedDictionary<Key, Result>(
            values: try contents.mapValues { try $0.mapValues(transform) })
    }

    /// The same tree with every value transformed, knowing its dotted key.
    public func mapValues<Result>(
        transform: (String, Element) throws -> Result
    ) rethrows -> NestedDictionary<Key, Result> {
        NestedDictionary<Key, Result>(item: try asItem().mapValues(prefix: nil, transform))
    }

    /// The same tree with every value transformed; a value that becomes nil leaves an empty place.
    public func compactMapValues<Result>(
        transform: (Element) throws -> Result?
    ) rethrows -> NestedDictionary<Key, Result> {
        NestedDictionary<Key, Result>(
            values: try contents.mapValues { try $0.compactMapValues(transform) })
    }

    /// Maps this tree together with another into two trees; places that the other lacks give nil.
    public func mapValues<E2, R1, R2>(
        _ dictionary1: NestedDictionary<Key, E2>, transform: (Element, E2?) throws -> (R1, R2?)
    ) rethrows -> (NestedDictionary<Key, R1>, NestedDictionary<Key, R2>) {
        let (first, second) = try asItem().mapValues(dictionary1.asItem(), transform)
        return (NestedDictionary<Key, R1>(item: first), NestedDictionary<Key, R2>(item: second))
    }

    /// Maps this tree together with another into one tree; places that the other lacks give nil.
    public func mapValues<E2, R1>(
        _ dictionary1: NestedDictionary<Key, E2>, transform: (Element, E2?) -> R1
    ) -> NestedDictionary<Key, R1> {
        let (first, _): (_, NestedItem<Key, Never>) = asItem().mapValues(dictionary1.asItem()) {
            (transform($0, $1), nil)
        }
        return NestedDictionary<Key, R1>(item: first)
    }

    /// Maps this tree together with two others into three trees; missing places give nil.
    public func mapValues<E2, E3, R1, R2, R3>(
        _ dictionary1: NestedDictionary<Key, E2>, _ dictionary2: NestedDictionary<Key, E3>,
        transform: (Element, E2?, E3?) throws -> (R1, R2?, R3?)
    ) rethrows -> (
        NestedDictionary<Key, R1>, NestedDictionary<Key, R2>, NestedDictionary<Key, R3>
    ) {
        let (first, second, third) = try asItem().mapValues(
            dictionary1.asItem(), dictionary2.asItem(), transform)
        return (
            NestedDictionary<Key, R1>(item: first), NestedDictionary<Key, R2>(item: second),
            NestedDictionary<Key, R3>(item: third)
        )
    }

    /// Maps this tree together with two others into two trees; missing places give nil.
    public func mapValues<E2, E3, R1, R2>(
        _ dictionary1: NestedDictionary<Key, E2>, _ dictionary2: NestedDictionary<Key, E3>,
        transform: (Element, E2?, E3?) -> (R1, R2?)
    ) -> (NestedDictionary<Key, R1>, NestedDictionary<Key, R2>) {
        let (first, second, _): (_, _, NestedItem<Key, Never>) = asItem().mapValues(
            dictionary1.asItem(), dictionary2.asItem()
        ) {
            let (first, second) = transform($0, $1, $2)
            return (first, second, nil)
        }
        return (NestedDictionary<Key, R1>(item: first), NestedDictionary<Key, R2>(item: second))
    }

    /// Joins all values, in the order of ``flattenedValues()``.
    public func reduce<R>(_ initialValue: R, _ reducer: (R, Element) throws -> R) rethrows -> R {
        try asItem().reduce(initialValue, reducer)
    }

    /// All values with their dotted keys in ascending order, positions of lists in numeric order.
    public func flattened(prefix: String? = nil) -> [(String, Element)] {
        asItem().flattened(prefix: prefix)
    }

    /// All values, without keys, in the order of ``flattened(prefix:)``.
    public func flattenedValues() -> [Element] { asItem().flattenedValues() }

    /// The same tree with its values replaced one by one, in the order of ``flattenedValues()``.
    ///
    /// The number of values must be the number of values in the tree.
    public func replacingValues(with values: some Collection<Element>) -> Self {
        let places = asItem().valueCount()
        precondition(
            places == values.count,
            "[replacingValues] the tree has \(places) values, got \(values.count)")
        var rest = Array(values)[...]
        return Self(item: asItem().replacingValues(with: &rest))
    }
}

extension NestedDictionary where Key == String {
    /// Builds the tree whose ``flattened(prefix:)`` gives `flat`; keys that are numbers make lists.
    public static func unflattened(_ flat: some Collection<(String, Element)>) -> Self {
        switch NestedItem<String, Element>.unflattened(flat) {
        case .array(let items):
            // The outermost level of a dictionary stays a dictionary, also with numbers as keys.
            var values: [String: NestedItem<String, Element>] = [:]
            for (index, item) in items.enumerated() {
                if case .none = item { continue }
                values[String(index)] = item
            }
            return Self(values: values)
        case .value(let element): return Self(values: ["": .value(element)])
        case let item: return Self(item: item)
        }
    }

    /// Builds the tree from a dictionary of dotted keys; keys that are numbers make lists.
    public static func unflattened(_ flat: [String: Element]) -> Self {
        unflattened(flat.map { ($0.key, $0.value) })
    }
}

extension NestedDictionary: Collection {
    /// A key and its place.
    public typealias CollectionElement = Dictionary<Key, NestedItem<Key, Element>>.Element
    /// A position in the outermost level, in no particular order.
    public typealias Index = Dictionary<Key, NestedItem<Key, Element>>.Index

    /// The first position of the outermost level.
    public var startIndex: Index { contents.startIndex }
    /// The position after the last one.
    public var endIndex: Index { contents.endIndex }
    /// The key and the place at a position.
    public subscript(position: Index) -> CollectionElement { contents[position] }
    /// The next position.
    public func index(after i: Index) -> Index { contents.index(after: i) }
}

extension NestedDictionary: Equatable where Element: Equatable {}
extension NestedDictionary: Sendable where Element: Sendable, Key: Sendable {}
