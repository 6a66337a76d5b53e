/// The sum of the elements; of small integers in int32 or uint32.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func sum(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    reduced(array, axes, keepDims) { Sum(axes: $0) }
}

/// See ``sum(_:axes:keepDims:)``; along one axis.
public func sum(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    sum(array, axes: [axis], keepDims: keepDims)
}

/// See ``sum(_:axes:keepDims:)``; over all axes.
public func sum(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    sum(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

/// The product of the elements; of small integers in int32 or uint32.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func product(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    reduced(array, axes, keepDims) { Product(axes: $0) }
}

/// See ``product(_:axes:keepDims:)``; along one axis.
public func product(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    product(array, axes: [axis], keepDims: keepDims)
}

/// See ``product(_:axes:keepDims:)``; over all axes.
public func product(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    product(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

/// The largest element; NaN if there is one.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func max(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    reduced(array, axes, keepDims) { Max(axes: $0) }
}

/// See ``max(_:axes:keepDims:)``; along one axis.
public func max(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    max(array, axes: [axis], keepDims: keepDims)
}

/// See ``max(_:axes:keepDims:)``; over all axes.
public func max(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    max(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

/// The smallest element; NaN if there is one.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func min(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    reduced(array, axes, keepDims) { Min(axes: $0) }
}

/// See ``min(_:axes:keepDims:)``; along one axis.
public func min(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    min(array, axes: [axis], keepDims: keepDims)
}

/// See ``min(_:axes:keepDims:)``; over all axes.
public func min(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    min(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

/// Whether all elements are nonzero.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func all(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    reduced(array, axes, keepDims) { All(axes: $0) }
}

/// See ``all(_:axes:keepDims:)``; along one axis.
public func all(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    all(array, axes: [axis], keepDims: keepDims)
}

/// See ``all(_:axes:keepDims:)``; over all axes.
public func all(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    all(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

/// Whether an element is nonzero.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func any(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    reduced(array, axes, keepDims) { AnyTrue(axes: $0) }
}

/// See ``any(_:axes:keepDims:)``; along one axis.
public func any(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    any(array, axes: [axis], keepDims: keepDims)
}

/// See ``any(_:axes:keepDims:)``; over all axes.
public func any(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    any(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

/// The mean of the elements; of integers in float32.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func mean(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    // Half types are summed and divided in float32 and rounded once.
    let result = array.dtype.atLeastFloat
    let total = sum(array.asType(result.computed), axes: axes, keepDims: keepDims)
    return (total / constant(Double(array.count(along: axes)), like: total)).asType(result)
}

/// See ``mean(_:axes:keepDims:)``; along one axis.
public func mean(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    mean(array, axes: [axis], keepDims: keepDims)
}

/// See ``mean(_:axes:keepDims:)``; over all axes.
public func mean(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    mean(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

/// The mean squared distance of the elements from their mean, over the count less `ddof`; a real
/// number, also of complex ones.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func variance(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false, ddof: Int = 0,
    stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axes = array.axes(axes, "variance") else { return array }
    let result = array.dtype.atLeastFloat
    if let moments = array.asType(result).moments(axes: axes, keepDims: keepDims) {
        let count = array.count(along: axes)
        let share = constant(
            Double(count) / Double(Swift.max(count - ddof, 0)), like: moments.variance)
        return (ddof == 0 ? moments.variance : moments.variance * share).asType(result)
    }
    let wide = array.asType(result.computed)
    let offset = wide - mean(wide, axes: axes, keepDims: true)
    let distance = wide.dtype.isComplex ? (offset * conjugate(offset)).realPart() : square(offset)
    let total = sum(distance, axes: axes, keepDims: keepDims)
    let count = Swift.max(array.count(along: axes) - ddof, 0)
    return (total / constant(Double(count), like: total)).asType(
        distance.dtype == wide.dtype ? result : distance.dtype)
}

/// See ``variance(_:axes:keepDims:ddof:)``; along one axis.
public func variance(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, ddof: Int = 0,
    stream: StreamOrDevice = .default
) -> MLXArray {
    variance(array, axes: [axis], keepDims: keepDims, ddof: ddof)
}

/// See ``variance(_:axes:keepDims:ddof:)``; over all axes.
public func variance(
    _ array: MLXArray, keepDims: Bool = false, ddof: Int = 0, stream: StreamOrDevice = .default
) -> MLXArray {
    variance(array, axes: Array(0..<array.ndim), keepDims: keepDims, ddof: ddof)
}

/// The square root of ``variance(_:axes:keepDims:ddof:)``.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func std(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false, ddof: Int = 0,
    stream: StreamOrDevice = .default
) -> MLXArray {
    sqrt(variance(array, axes: axes, keepDims: keepDims, ddof: ddof))
}

/// See ``std(_:axes:keepDims:ddof:)``; along one axis.
public func std(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, ddof: Int = 0,
    stream: StreamOrDevice = .default
) -> MLXArray {
    std(array, axes: [axis], keepDims: keepDims, ddof: ddof)
}

/// See ``std(_:axes:keepDims:ddof:)``; over all axes.
public func std(
    _ array: MLXArray, keepDims: Bool = false, ddof: Int = 0, stream: StreamOrDevice = .default
) -> MLXArray {
    std(array, axes: Array(0..<array.ndim), keepDims: keepDims, ddof: ddof)
}

/// The position of the largest element along an axis as uint32; the first at a tie.
public func argMax(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    argReduced(array, axis, keepDims, findsLargest: true)
}

/// The position of the largest element in row-major order as uint32; the first at a tie.
public func argMax(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    let position = argMax(reshaped(array, [-1]), axis: 0)
    return keepDims ? reshaped(position, array.shape.map { _ in 1 }) : position
}

/// The position of the smallest element along an axis as uint32; the first at a tie.
public func argMin(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    argReduced(array, axis, keepDims, findsLargest: false)
}

/// The position of the smallest element in row-major order as uint32; the first at a tie.
public func argMin(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    let position = argMin(reshaped(array, [-1]), axis: 0)
    return keepDims ? reshaped(position, array.shape.map { _ in 1 }) : position
}

private func reduced(
    _ array: MLXArray, _ axes: some Collection<Int>, _ keepDims: Bool,
    _ primitive: ([Int]) -> some Reduction
) -> MLXArray {
    guard let axes = array.axes(axes, "reduce") else { return array }
    let result = MLXArray.reduced(array, primitive(axes))
    if !keepDims { return result }
    var shape = array.shape
    for axis in axes { shape[axis] = 1 }
    return reshaped(result, shape)
}

private func argReduced(
    _ array: MLXArray, _ axis: Int, _ keepDims: Bool, findsLargest: Bool
) -> MLXArray {
    guard let axis = array.axis(axis, findsLargest ? "argMax" : "argMin") else {
        return array
    }
    let position = MLXArray.apply(ArgReduce(axis: axis, findsLargest: findsLargest), [array])
    return keepDims ? expandedDimensions(position, axis: axis) : position
}

extension MLXArray {
    /// How many elements lie along some axes.
    fileprivate func count(along axes: some Collection<Int>) -> Int {
        axes.reduce(1) { $0 * dim($1) }
    }

    /// The mean and the variance along some axes in one pass, of half types in float32; nil where
    /// they are not computed so.
    package func moments(
        axes: some Collection<Int>, keepDims: Bool
    ) -> (mean: MLXArray, variance: MLXArray)? {
        guard Moments.isDefined(for: dtype.computed), size > 0,
            let axes = self.axes(axes, "variance")
        else {
            return nil
        }
        let moments = MLXArray.applyAll(Moments(axes: axes), [self])
        guard keepDims else { return (moments[0], moments[1]) }
        var kept = shape
        for axis in axes { kept[axis] = 1 }
        return (moments[0].reshaped(kept), moments[1].reshaped(kept))
    }

    /// The axes in ascending order without negative numbers; reports one that is not there or is
    /// named twice, and gives nil.
    func axes(_ axes: some Collection<Int>, _ operation: String) -> [Int]? {
        let (given, ndim) = (Array(axes), ndim)
        let areInOrder = given.indices.allSatisfy {
            given[$0] < ndim && given[$0] > ($0 == 0 ? -1 : given[$0 - 1])
        }
        if areInOrder { return given }
        let positive = given.map { $0 < 0 ? $0 + ndim : $0 }.sorted()
        for (position, axis) in positive.enumerated() {
            if !(0..<ndim ~= axis) || (position > 0 && positive[position - 1] == axis) {
                ErrorHandler.report(
                    .caught(
                        "[\(operation)] axes \(given) do not fit an array of shape \(shape)"))
                return nil
            }
        }
        return positive
    }

    /// An axis as a position; nil, after an error, where it is not there.
    func axis(_ axis: Int, _ operation: String) -> Int? {
        let position = axis < 0 ? axis + ndim : axis
        return 0..<ndim ~= position ? position : axes([axis], operation)?.first
    }
}
