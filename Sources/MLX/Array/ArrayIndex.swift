/// What a subscript asks of one axis, or of the place between two.
public enum MLXArrayIndexOperation: CustomStringConvertible {
    /// All axes that the other operations leave.
    case ellipsis
    /// A new axis of size 1.
    case newAxis
    /// One element of an axis, which goes away.
    case index(Int32)
    /// Some elements of an axis, at equal distances.
    case slice(MLXSlice)
    /// The elements of an axis that an array of integers names.
    case array(MLXArray)

    /// The operation as it is written in a subscript; an array by its shape.
    public var description: String {
        switch self {
        case .ellipsis: "..."
        case .newAxis: "newAxis"
        case .index(let index): "\(index)"
        case .slice(let slice): "\(slice)"
        case .array(let array): "array\(array.shape)"
        }
    }
}

/// A value that can stand in a subscript of an array.
public protocol MLXArrayIndex {
    /// What the value asks for.
    var mlxArrayIndexOperation: MLXArrayIndexOperation { get }
}

extension Int: MLXArrayIndex {
    /// One element; a negative index counts from the end.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation { .index(Int32(clamping: self)) }
}

extension MLXArray: MLXArrayIndex {
    /// The elements that the array's integers name; negative ones count from the end.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation { .array(self) }
}

/// Stands for all axes that the other indices leave; see `.ellipsis`.
public struct MLXEllipsisIndex: MLXArrayIndex, Sendable {
    /// All axes that the other operations leave.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation { .ellipsis }
}

extension MLXArrayIndex where Self == MLXEllipsisIndex {
    /// All axes that the other indices leave; once in a subscript.
    public static var ellipsis: Self { MLXEllipsisIndex() }
}

/// Stands for a new axis of size 1; see `.newAxis`.
public struct MLXNewAxisIndex: MLXArrayIndex, Sendable {
    /// A new axis of size 1.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation { .newAxis }
}

extension MLXArrayIndex where Self == MLXNewAxisIndex {
    /// A new axis of size 1.
    public static var newAxis: Self { MLXNewAxisIndex() }
}

/// Elements of an axis from a start to before an end, by steps; bounds beyond the axis are cut.
public struct MLXSlice: Equatable, CustomStringConvertible, Sendable {
    private let first: Int32?
    private let limit: Int32?

    /// The distance of neighbours; negative walks back.
    public let stride: Int32

    /// Negative bounds count from the end; absent ones are the axis's ends.
    public init(start: Int32? = nil, end: Int32? = nil, stride: Int32? = nil) {
        first = start
        limit = end
        self.stride = stride ?? 1
    }

    /// Whether the slice is the whole axis, whatever its size.
    public var isFull: Bool { (first ?? 0) == 0 && limit == nil && stride == 1 }

    /// The start as it was given, or the end of an axis of this size where the walk begins.
    public func start(_ size: Int32) -> Int32 { first ?? (stride < 0 ? size - 1 : 0) }

    /// The start counted from the front of an axis of this size.
    public func absoluteStart(_ size: Int32) -> Int32 { absolute(start(size), size) }

    /// The end as it was given, or what lies behind the last element of an axis of this size.
    public func end(_ size: Int32) -> Int32 { limit ?? (stride < 0 ? -size - 1 : size) }

    /// The end counted from the front of an axis of this size; -1 lies before the first element.
    public func absoluteEnd(_ size: Int32) -> Int32 { absolute(end(size), size) }

    private func absolute(_ position: Int32, _ size: Int32) -> Int32 {
        position < 0 ? position + size : position
    }

    /// The slice in Python's notation.
    public var description: String {
        let bounds = "\(first.map { "\($0)" } ?? ""):\(limit.map { "\($0)" } ?? "")"
        return stride == 1 ? bounds : "\(bounds):\(stride)"
    }
}

extension MLXSlice: MLXArrayIndex {
    /// The elements of the slice.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation { .slice(self) }

    /// Bounds beyond 32 bits lie beyond every axis.
    fileprivate init(_ start: Int?, _ end: Int?, by stride: Int? = nil) {
        self.init(
            start: start.map { Int32(clamping: $0) }, end: end.map { Int32(clamping: $0) },
            stride: stride.map { Int32(clamping: $0) })
    }

    /// Up to and with a position; -1 is the last one.
    fileprivate init(_ start: Int?, through end: Int) {
        self.init(start, end == -1 || end == .max ? nil : end + 1)
    }
}

extension MLXArrayIndex where Self == MLXSlice {
    /// Every `stride`-th element from `start` to before `end`; negative bounds count from the end.
    public static func stride(
        from start: Int? = nil, to end: Int? = nil, by stride: Int? = nil
    ) -> MLXSlice {
        MLXSlice(start, end, by: stride)
    }
}

/// Every `stride`-th element from `start` to before `end`; negative bounds count from the end.
public func stride(
    from start: Int? = nil, to end: Int? = nil, by stride: Int? = nil
) -> MLXSlice {
    MLXSlice(start, end, by: stride)
}

extension Range<Int>: MLXArrayIndex {
    /// The elements of the range.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation {
        .slice(MLXSlice(lowerBound, upperBound))
    }
}

extension ClosedRange<Int>: MLXArrayIndex {
    /// The elements of the range.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation {
        .slice(MLXSlice(lowerBound, through: upperBound))
    }
}

extension PartialRangeUpTo<Int>: MLXArrayIndex {
    /// The elements before the bound.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation { .slice(MLXSlice(nil, upperBound)) }
}

extension PartialRangeThrough<Int>: MLXArrayIndex {
    /// The elements up to the bound and with it.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation {
        .slice(MLXSlice(nil, through: upperBound))
    }
}

extension PartialRangeFrom<Int>: MLXArrayIndex {
    /// The elements from the bound on.
    public var mlxArrayIndexOperation: MLXArrayIndexOperation { .slice(MLXSlice(lowerBound, nil)) }
}
