/// One integer or several: `2` or `[2, 3]`.
public enum IntOrArray: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, Sendable {
    /// One integer.
    case int(Int)
    /// Several.
    case array([Int])

    /// One integer.
    public init(integerLiteral value: Int) { self = .int(value) }

    /// Several integers.
    public init(arrayLiteral elements: Int...) { self = .array(elements) }

    /// Several integers.
    public init(_ values: [Int]) { self = .array(values) }

    /// The integers, one or several.
    var integers: [Int] {
        switch self {
        case .int(let value): [value]
        case .array(let values): values
        }
    }
}
