/// One integer for both of two axes, or a pair: `2` or `[2, 3]`.
public struct IntOrPair: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, Sendable {
    /// The two integers.
    public let values: (Int, Int)

    /// The first.
    public var first: Int { values.0 }

    /// The second.
    public var second: Int { values.1 }

    /// The same integer twice.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Two integers; traps for another number of them.
    public init(arrayLiteral elements: Int...) { self.init(elements) }

    /// Two integers; traps for another number of them.
    public init(_ values: some Collection<Int>) {
        let values = Array(values)
        precondition(values.count == 2, "an IntOrPair has two integers, got \(values)")
        self.values = (values[0], values[1])
    }

    /// Two integers.
    public init(_ values: (Int, Int)) { self.values = values }

    /// The same integer twice.
    public init(_ value: Int) { values = (value, value) }

    var asArray: [Int] { [first, second] }
}

/// One integer for all of three axes, or a triple: `2` or `[2, 3, 4]`.
public struct IntOrTriple: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, Sendable {
    /// The three integers.
    public let values: (Int, Int, Int)

    /// The first.
    public var first: Int { values.0 }

    /// The second.
    public var second: Int { values.1 }

    /// The third.
    public var third: Int { values.2 }

    /// The same integer three times.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Three integers; traps for another number of them.
    public init(arrayLiteral elements: Int...) { self.init(elements) }

    /// Three integers; traps for another number of them.
    public init(_ values: some Collection<Int>) {
        let values = Array(values)
        precondition(values.count == 3, "an IntOrTriple has three integers, got \(values)")
        self.values = (values[0], values[1], values[2])
    }

    /// Three integers.
    public init(_ values: (Int, Int, Int)) { self.values = values }

    /// The same integer three times.
    public init(_ value: Int) { values = (value, value, value) }

    var asArray: [Int] { [first, second, third] }
}

/// One integer for all axes, or one for each: `2` or `[2, 3, 4, 5]`.
public enum IntOrArray: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, Sendable {
    /// One integer for all axes.
    case int(Int)
    /// An integer for each axis.
    case array([Int])

    /// One integer for all axes.
    public init(integerLiteral value: Int) { self = .int(value) }

    /// An integer for each axis.
    public init(arrayLiteral elements: Int...) { self = .array(elements) }

    /// An integer for each axis.
    public init(_ values: [Int]) { self = .array(values) }

    /// One integer for all axes.
    public init(_ value: Int) { self = .int(value) }

    /// The integers: one, or one for each axis.
    public var asArray: [Int] {
        switch self {
        case .int(let value): [value]
        case .array(let values): values
        }
    }

    /// The integers as 32-bit ones; traps for one that does not fit.
    public var asInt32Array: [Int32] { asArray.map { Int32($0) } }

    /// How many integers there are: one, or one for each axis.
    public var count: Int { asArray.count }

    /// An integer for each of some axes; nil where there are integers for another number of axes.
    func asArray(axes: Int) -> [Int]? {
        let values = asArray
        if values.count == axes { return values }
        return values.count == 1 ? [Int](repeating: values[0], count: axes) : nil
    }
}

/// One number for all axes, or one for each: `0.5` or `[0.5, 2]`.
public enum FloatOrArray: ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, Sendable {
    /// One number for all axes.
    case float(Float)
    /// A number for each axis.
    case array([Float])

    /// One number for all axes.
    public init(floatLiteral value: Float) { self = .float(value) }

    /// A number for each axis.
    public init(arrayLiteral elements: Float...) { self = .array(elements) }

    /// A number for each axis.
    public init(_ values: [Float]) { self = .array(values) }

    /// One number for all axes.
    public init(_ value: Float) { self = .float(value) }

    /// The numbers: one, or one for each axis.
    public var asArray: [Float] {
        switch self {
        case .float(let value): [value]
        case .array(let values): values
        }
    }

    /// A number for each of some axes; traps where there are numbers for another number of axes.
    public func asArray(dimensions: Int) -> [Float] {
        switch self {
        case .float(let value): return [Float](repeating: value, count: dimensions)
        case .array(let values):
            precondition(
                values.count == dimensions, "\(values.count) numbers for \(dimensions) axes")
            return values
        }
    }

    /// How many numbers there are: one, or one for each axis.
    public var count: Int { asArray.count }
}
