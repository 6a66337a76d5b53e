/// One integer for both of two axes, or a pair: `2` or `[2, 3]`.
public struct IntOrPair: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, Sendable {
    /// The two integers.
    public let values: [Int]

    /// The first.
    public var first: Int { values[0] }

    /// The second.
    public var second: Int { values[1] }

    /// The same integer twice.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Two integers; traps for another number of them.
    public init(arrayLiteral elements: Int...) {
        precondition(elements.count == 2, "an IntOrPair has two integers, got \(elements)")
        values = elements
    }

    /// The same integer twice.
    public init(_ value: Int) { values = [value, value] }

    /// Two integers.
    public init(_ pair: (Int, Int)) { values = [pair.0, pair.1] }
}
