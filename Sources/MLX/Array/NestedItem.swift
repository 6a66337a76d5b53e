/// One place in a tree of values: nothing, a value, a list of places or a dictionary of places.
///
/// Wherever the order of a dictionary could show, in ``flattened(prefix:)`` and in all that follows
/// from it, keys are taken in ascending order, so that every process sees the same order.
public indirect enum NestedItem<Key: Hashable, Element>: IndentedDescription {
    case none
    case value(Element)
    case array([NestedItem<Key, Element>])
    case dictionary([Key: NestedItem<Key, Element>])

    /// The tree as plain Swift values: an element, `[Any?]`, `[Key: Any?]` or nil.
    public func unwrap() -> Any? {
        switch self {
        case .none: nil
        case .value(let element): element
        case .array(let items): items.map { $0.unwrap() }
        case .dictionary(let items): items.mapValues { $0.unwrap() }
        }
    }

    /// Joins all values, in the order of ``flattenedValues()``.
    public func reduce<R>(_ initialValue: R, _ reducer: (R, Element) throws -> R) rethrows -> R {
        switch self {
        case .none: initialValue
        case .value(let element): try reducer(initialValue, element)
        case .array(let items):
            try items.reduce(initialValue) { try $1.reduce($0, reducer) }
        case .dictionary(let items):
            try sortedByKey(items).reduce(initialValue) { try $1.value.reduce($0, reducer) }
        }
    }

    /// All values with their dotted keys; positions in a list are keys too, such as
    /// `layers.0.weight`.
    ///
    /// - Parameter prefix: the key of this place; a single value without a prefix has the key "".
    public func flattened(prefix: String? = nil) -> [(String, Element)] {
        var result: [(String, Element)] = []
        collect(prefix: prefix, into: &result)
        return result
    }

    @_specialize(where Key == String, Element == MLXArray)
    private func collect(prefix: String?, into result: inout [(String, Element)]) {
        switch self {
        case .none: break
        case .value(let element): result.append((prefix ?? "", element))
        case .array(let items):
            for (index, item) in items.enumerated() {
                item.collect(prefix: joinedKey(prefix, index), into: &result)
            }
        case .dictionary(let items):
            for (key, item) in sortedByKey(items) {
                item.collect(prefix: joinedKey(prefix, key), into: &result)
            }
        }
    }

    /// All values with their dotted keys, as ``flattened(prefix:)`` gives them, and what another tree
    /// has in their places; nil where it has none.
    package func flattened(
        beside other: NestedItem<Key, Element>
    ) -> [(key: String, value: Element, other: Element?)] {
        var result: [(key: String, value: Element, other: Element?)] = []
        collect(prefix: nil, other, into: &result)
        return result
    }

    @_specialize(where Key == String, Element == MLXArray)
    private func collect(
        prefix: String?, _ other: NestedItem<Key, Element>,
        into result: inout [(key: String, value: Element, other: Element?)]
    ) {
        switch self {
        case .none: break
        case .value(let element): result.append((prefix ?? "", element, other.element))
        case .array(let items):
            for (index, item) in items.enumerated() {
                item.collect(prefix: joinedKey(prefix, index), other.place(index), into: &result)
            }
        case .dictionary(let items):
            for (key, item) in sortedByKey(items) {
                item.collect(prefix: joinedKey(prefix, key), other.place(key), into: &result)
            }
        }
    }

    /// All values, without keys, in the order of ``flattened(prefix:)``.
    public func flattenedValues() -> [Element] {
        var result: [Element] = []
        collectValues(into: &result)
        return result
    }

    @_specialize(where Key == String, Element == MLXArray)
    private func collectValues(into result: inout [Element]) {
        switch self {
        case .none: break
        case .value(let element): result.append(element)
        case .array(let items):
            for item in items { item.collectValues(into: &result) }
        case .dictionary(let items):
            for (_, item) in sortedByKey(items) { item.collectValues(into: &result) }
        }
    }

    /// How many values there are.
    @_specialize(where Key == String, Element == MLXArray)
    func valueCount() -> Int {
        switch self {
        case .none: 0
        case .value: 1
        case .array(let items): items.reduce(0) { $0 + $1.valueCount() }
        case .dictionary(let items): items.values.reduce(0) { $0 + $1.valueCount() }
        }
    }

    /// The same tree with the next values of a list in place of its own, in the order of
    /// ``flattenedValues()``.
    @_specialize(where Key == String, Element == MLXArray)
    func replacingValues(with rest: inout ArraySlice<Element>) -> Self {
        switch self {
        case .none: return .none
        case .value(let element): return .value(rest.popFirst() ?? element)
        case .array(let items): return .array(items.map { $0.replacingValues(with: &rest) })
        case .dictionary(var items):
            let places = items.indices.sorted {
                name(of: items.keys[$0]) < name(of: items.keys[$1])
            }
            for place in places {
                items.values[place] = items.values[place].replacingValues(with: &rest)
            }
            return .dictionary(items)
        }
    }

    /// The tree as text, one line a place, keys in ascending order.
    public func description(indent: Int) -> String {
        switch self {
        case .none: "none"
        case .value(let element): indentedDescription(element, indent)
        case .array(let items):
            bracketed(
                items.map { $0.description(indent: indent + 2) }, open: "[", close: "]",
                indent: indent)
        case .dictionary(let items):
            bracketed(
                sortedByKey(items).map { "\($0.key): \($0.value.description(indent: indent + 2))" },
                open: "[", close: "]", indent: indent)
        }
    }
}

extension NestedItem {
    /// The same tree with every value transformed.
    public func mapValues<Result>(
        _ transform: (Element) throws -> Result
    ) rethrows -> NestedItem<Key, Result> {
        try compactMapValues(transform)
    }

    /// The same tree with every value transformed; a value that becomes nil leaves an empty place.
    public func compactMapValues<Result>(
        _ transform: (Element) throws -> Result?
    ) rethrows -> NestedItem<Key, Result> {
        switch self {
        case .none: .none
        case .value(let element): try transform(element).map { .value($0) } ?? .none
        case .array(let items): .array(try items.map { try $0.compactMapValues(transform) })
        case .dictionary(let items):
            .dictionary(try items.mapValues { try $0.compactMapValues(transform) })
        }
    }

    /// The same tree with every value transformed, knowing its dotted key.
    public func mapValues<Result>(
        prefix: String? = nil, _ transform: (String, Element) throws -> Result
    ) rethrows -> NestedItem<Key, Result> {
        switch self {
        case .none: return .none
        case .value(let element): return .value(try transform(prefix ?? "", element))
        case .array(let items):
            return .array(
                try items.enumerated().map {
                    try $1.mapValues(prefix: joinedKey(prefix, $0), transform)
                })
        case .dictionary(let items):
            var result: [Key: NestedItem<Key, Result>] = [:]
            for (key, item) in sortedByKey(items) {
                result[key] = try item.mapValues(prefix: joinedKey(prefix, key), transform)
            }
            return .dictionary(result)
        }
    }

    /// Maps this tree together with another; places that the other lacks give nil.
    public func mapValues<E2, R1, R2>(
        _ item: NestedItem<Key, E2>, _ transform: (Element, E2?) throws -> (R1, R2?)
    ) rethrows -> (NestedItem<Key, R1>, NestedItem<Key, R2>) {
        let unused = NestedItem<Key, Never>.none
        let (first, second, _): (_, _, NestedItem<Key, Never>) = try mapValues(item, unused) {
            element, other, _ in
            let (first, second) = try transform(element, other)
            return (first, second, nil)
        }
        return (first, second)
    }

    /// Maps this tree together with two others; places that the others lack give nil.
    public func mapValues<E2, E3, R1, R2, R3>(
        _ item1: NestedItem<Key, E2>, _ item2: NestedItem<Key, E3>,
        _ transform: (Element, E2?, E3?) throws -> (R1, R2?, R3?)
    ) rethrows -> (NestedItem<Key, R1>, NestedItem<Key, R2>, NestedItem<Key, R3>) {
        switch self {
        case .none: return (.none, .none, .none)
        case .value(let element):
            let (first, second, third) = try transform(element, item1.element, item2.element)
            return (
                .value(first), second.map { .value($0) } ?? .none, third.map { .value($0) } ?? .none
            )
        case .array(let items):
            let results = try items.enumerated().map { index, item in
                try item.mapValues(item1.place(index), item2.place(index), transform)
            }
            return (.array(results.map(\.0)), .array(results.map(\.1)), .array(results.map(\.2)))
        case .dictionary(let items):
            var (first, second, third) = (
                [Key: NestedItem<Key, R1>](), [Key: NestedItem<Key, R2>](),
                [Key: NestedItem<Key, R3>]()
            )
            for (key, item) in sortedByKey(items) {
                (first[key], second[key], third[key]) = try item.mapValues(
                    item1.place(key), item2.place(key), transform)
            }
            return (.dictionary(first), .dictionary(second), .dictionary(third))
        }
    }

    private var element: Element? {
        if case .value(let element) = self { element } else { nil }
    }

    private func place(_ index: Int) -> Self {
        if case .array(let items) = self, index < items.count { items[index] } else { .none }
    }

    private func place(_ key: Key) -> Self {
        if case .dictionary(let items) = self { items[key] ?? .none } else { .none }
    }
}

extension NestedItem where Key == String {
    /// Builds the tree whose ``flattened(prefix:)`` gives `tree`.
    ///
    /// Keys that are all whole numbers make a list, with empty places where a number is missing; a
    /// number of 65,536 or more makes a dictionary. Where one key is both a value and the beginning
    /// of longer keys, the longer keys are kept.
    public static func unflattened(_ tree: some Collection<(Key, Element)>) -> Self {
        unflattened(
            tree.map { key, element in
                let path =
                    key.isEmpty ? [] : key.split(separator: ".", omittingEmptySubsequences: false)
                return (path: path[...], element: element)
            })
    }

    private typealias Leaf = (path: ArraySlice<Substring>, element: Element)

    private static func unflattened(_ leaves: [Leaf]) -> Self {
        var groups: [String: [Leaf]] = [:]
        for leaf in leaves {
            guard let first = leaf.path.first else { continue }
            groups[String(first), default: []].append((leaf.path.dropFirst(), leaf.element))
        }
        if groups.isEmpty { return leaves.last.map { .value($0.element) } ?? .none }
        let items = groups.mapValues { unflattened($0) }

        let positions = items.keys.compactMap { canonicalPosition($0) }
        guard positions.count == items.count, let last = positions.max() else {
            return .dictionary(items)
        }
        return .array((0...last).map { items[String($0)] ?? .none })
    }

    private static func canonicalPosition(_ key: String) -> Int? {
        guard let position = Int(key), (0..<65_536).contains(position), String(position) == key
        else { return nil }
        return position
    }
}

extension NestedItem: Equatable where Element: Equatable {}
extension NestedItem: Sendable where Element: Sendable, Key: Sendable {}

/// The entries of a dictionary in ascending order of their keys.
func sortedByKey<Key, Value>(_ items: [Key: Value]) -> [(key: Key, value: Value)] {
    var entries = Array(items)
    if entries.count > 1 { entries.sort { name(of: $0.key) < name(of: $1.key) } }
    return entries
}

/// A key in words; a text as it is, as those of parameters are asked for in every step.
private func name<Key: Hashable>(of key: Key) -> String {
    Key.self == String.self ? unsafeBitCast(key, to: String.self) : "\(key)"
}

private func joinedKey(_ prefix: String?, _ key: some Hashable) -> String {
    joined(prefix, name(of: key))
}

private func joinedKey(_ prefix: String?, _ position: Int) -> String {
    joined(prefix, String(position))
}

private func joined(_ prefix: String?, _ name: String) -> String {
    guard let prefix else { return name }
    return prefix + "." + name
}
