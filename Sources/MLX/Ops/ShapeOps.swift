/// The elements in row-major order under another shape; one size may be -1 and follows from the
/// others.
public func reshaped(
    _ array: MLXArray, _ newShape: some Collection<Int>, stream: StreamOrDevice = .default
) -> MLXArray {
    var shape = Array(newShape)
    if let free = shape.firstIndex(of: -1) {
        let rest = shape.enumerated().reduce(1) { $1.offset == free ? $0 : $0 * $1.element }
        if rest > 0 { shape[free] = array.size / rest }
    }
    if shape == array.shape { return array }
    return MLXArray.viewed(array, Reshape(target: shape))
}

/// See ``reshaped(_:_:)-(_,Collection)``.
public func reshaped(_ array: MLXArray, _ newShape: Int..., stream: StreamOrDevice = .default)
    -> MLXArray
{
    reshaped(array, newShape)
}

/// The axes `start` to `end` joined to one.
public func flattened(
    _ array: MLXArray, start: Int = 0, end: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    if array.ndim == 0 { return reshaped(array, [1]) }
    guard let first = array.axis(start, "flattened"), let last = array.axis(end, "flattened"),
        first <= last
    else { return array }
    let joined = array.shape[first...last].reduce(1, *)
    return reshaped(array, array.shape[..<first] + [joined] + array.shape[(last + 1)...])
}

/// The axes in another order.
public func transposed(
    _ array: MLXArray, axes: some Collection<Int>, stream: StreamOrDevice = .default
) -> MLXArray {
    let order = axes.map { $0 < 0 ? $0 + array.ndim : $0 }
    return MLXArray.viewed(array, Transpose(axes: order))
}

/// See ``transposed(_:axes:)``.
public func transposed(_ array: MLXArray, _ axes: Int..., stream: StreamOrDevice = .default)
    -> MLXArray
{
    transposed(array, axes: axes)
}

/// The axes in another order, which names one axis: that of an array with one axis.
public func transposed(_ array: MLXArray, axis: Int, stream: StreamOrDevice = .default) -> MLXArray
{ transposed(array, axes: [axis]) }

/// The axes in the opposite order.
public func transposed(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    array.ndim < 2 ? array : transposed(array, axes: Array((0..<array.ndim).reversed()))
}

/// See ``transposed(_:)``.
public func T(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    transposed(array)
}

/// Two axes in each other's place.
public func swappedAxes(
    _ array: MLXArray, _ axis1: Int, _ axis2: Int, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let a = array.axis(axis1, "swappedAxes"), let b = array.axis(axis2, "swappedAxes")
    else { return array }
    return MLXArray.viewed(array, Transpose(swapping: a, b, of: array.ndim))
}

/// One axis at another place, the others in their order.
public func movedAxis(
    _ array: MLXArray, source: Int, destination: Int, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let from = array.axis(source, "movedAxis"), let to = array.axis(destination, "movedAxis")
    else { return array }
    var order = Array(0..<array.ndim)
    order.insert(order.remove(at: from), at: to)
    return transposed(array, axes: order)
}

/// Axes of size 1 put in where the result has them.
public func expandedDimensions(
    _ array: MLXArray, axes: some Collection<Int>, stream: StreamOrDevice = .default
) -> MLXArray {
    let rank = array.ndim + axes.count
    var shape = array.shape
    for axis in axes.map({ $0 < 0 ? $0 + rank : $0 }).sorted() {
        guard 0...shape.count ~= axis else {
            ErrorHandler.report(
                .caught("[expandedDimensions] axis \(axis) does not fit shape \(array.shape)"))
            return array
        }
        shape.insert(1, at: axis)
    }
    return reshaped(array, shape)
}

/// An axis of size 1 put in.
public func expandedDimensions(_ array: MLXArray, axis: Int, stream: StreamOrDevice = .default)
    -> MLXArray
{
    expandedDimensions(array, axes: [axis])
}

/// The array without the named axes, which must have size 1.
public func squeezed(
    _ array: MLXArray, axes: some Collection<Int>, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axes = array.axes(axes, "squeezed") else { return array }
    if let axis = axes.first(where: { array.shape[$0] != 1 }) {
        ErrorHandler.report(
            .caught("[squeezed] axis \(axis) of shape \(array.shape) has not size 1"))
        return array
    }
    return reshaped(
        array, array.shape.indices.filter { !axes.contains($0) }.map { array.shape[$0] })
}

/// The array without an axis, which must have size 1.
public func squeezed(_ array: MLXArray, axis: Int, stream: StreamOrDevice = .default) -> MLXArray {
    squeezed(array, axes: [axis])
}

/// The array without its axes of size 1.
public func squeezed(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    reshaped(array, array.shape.filter { $0 != 1 })
}

/// The array stretched to a shape: axes of size 1 repeat, and new axes come in front.
public func broadcast(
    _ array: MLXArray, to shape: some Collection<Int>, stream: StreamOrDevice = .default
) -> MLXArray {
    let shape = Array(shape)
    if shape == array.spec.shape { return array }
    return MLXArray.viewed(array, Broadcast(target: shape))
}

/// An array stretched to a shape. A number that is there is a view at once, unless the graph is
/// written down.
func stretched(_ array: MLXArray, to shape: [Int]) -> Node.Value {
    stretched(array.value, to: shape)
}

/// See ``stretched(_:to:)-(MLXArray,_)``.
func stretched(_ value: Node.Value, to shape: [Int]) -> Node.Value {
    guard !Trace.isRecording, let view = Numbers.stretched(value.node, to: shape) else {
        return broadcast(MLXArray(value), to: shape).value
    }
    return Node.Value(node: view, index: 0)
}

/// See ``stretched(_:to:)-(MLXArray,_)``; what was stretched before is stretched once.
func stretchedOnce(_ value: Node.Value, to shape: [Int]) -> Node.Value {
    var source = value
    while let primitive = source.node.primitive, type(of: primitive) == Broadcast.self {
        source = source.node.inputs[0]
    }
    return stretched(source, to: shape)
}

/// The arrays stretched to one shape.
func broadcastTogether(_ arrays: [MLXArray]) -> [MLXArray] {
    // Most often one of them has the shape.
    let widest = arrays.max { $0.ndim < $1.ndim }?.spec.shape ?? []
    let isWidest = arrays.allSatisfy { $0.spec.shape.stretches(to: widest) }
    guard let shape = isWidest ? widest : broadcastShape(arrays.map(\.shape)) else {
        let shapes = arrays.map { tuple($0.shape) }.joined(separator: " and ")
        ErrorHandler.report(.caught("[broadcast_shapes] Shapes \(shapes) cannot be broadcast."))
        return arrays.map { broadcast(constant(0, like: $0), to: arrays[0].shape) }
    }
    return arrays.map { $0.spec.shape == shape ? $0 : MLXArray(stretched($0, to: shape)) }
}

extension [Int] {
    /// Whether an array of this shape stretches to another one.
    func stretches(to shape: [Int]) -> Bool {
        let added = shape.count - count
        return added >= 0 && indices.allSatisfy { self[$0] == 1 || self[$0] == shape[$0 + added] }
    }
}

/// The shape that all shapes stretch to, or nil.
func broadcastShape(_ shapes: [[Int]]) -> [Int]? {
    var result = shapes.first ?? []
    for shape in shapes.dropFirst() where shape != result {
        let rank = max(result.count, shape.count)
        let a = [Int](repeating: 1, count: rank - result.count) + result
        let b = [Int](repeating: 1, count: rank - shape.count) + shape
        result = a
        for axis in 0..<rank where a[axis] != b[axis] {
            guard a[axis] == 1 || b[axis] == 1 else { return nil }
            result[axis] = a[axis] == 1 ? b[axis] : a[axis]
        }
    }
    return result
}

/// Arrays one behind the other along an axis; types promote.
public func concatenated(
    _ arrays: some Collection<MLXArray>, axis: Int = 0, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let first = arrays.first else {
        ErrorHandler.report(.caught("[concatenated] no arrays to join"))
        return zeros([0])
    }
    guard let axis = first.axis(axis, "concatenated") else { return first }
    let dtype = arrays.reduce(first.dtype) { DType.promoted($0, $1.dtype) }
    if arrays.count == 1 { return first }
    return MLXArray.apply(Concatenate(axis: axis), arrays.map { $0.asType(dtype) })
}

/// Arrays of one shape along a new axis.
public func stacked(
    _ arrays: some Collection<MLXArray>, axis: Int = 0, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let first = arrays.first else {
        ErrorHandler.report(.caught("[stacked] no arrays to join"))
        return zeros([0])
    }
    let place = axis < 0 ? axis + first.ndim + 1 : axis
    guard 0...first.ndim ~= place else {
        ErrorHandler.report(
            .caught("[stacked] axis \(axis) does not fit arrays of shape \(first.shape)"))
        return first
    }
    if arrays.count == 1 { return expandedDimensions(first, axis: place) }
    let dtype = arrays.reduce(first.dtype) { DType.promoted($0, $1.dtype) }
    return MLXArray.apply(Stack(axis: place), arrays.map { $0.asType(dtype) })
}

/// The array cut before each of the indices along an axis; negative indices count from the end.
public func split(
    _ array: MLXArray, indices: some Collection<Int>, axis: Int = 0,
    stream: StreamOrDevice = .default
) -> [MLXArray] {
    guard let axis = array.axis(axis, "split") else { return [] }
    let size = array.dim(axis)
    let places = indices.map { min(max($0 < 0 ? $0 + size : $0, 0), size) }
    let bounds = [0] + places + [size]
    if places.count > 0, zip(bounds, places).allSatisfy({ $0 <= $1 }) {
        return MLXArray.applyAll(Split(axis: axis, places: places), [array])
    }
    return zip(bounds, bounds.dropFirst()).map { start, end in
        sliced(array, axis: axis, start: start, count: max(end - start, 0))
    }
}

/// The array cut in equal parts along an axis, whose size must divide.
public func split(_ array: MLXArray, parts: Int, axis: Int = 0, stream: StreamOrDevice = .default)
    -> [MLXArray]
{
    guard let axis = array.axis(axis, "split") else { return [] }
    guard parts > 0, array.dim(axis) % parts == 0 else {
        ErrorHandler.report(
            .caught(
                "[split] axis \(axis) of shape \(array.shape) can't be cut in \(parts) equal parts")
        )
        return []
    }
    let size = array.dim(axis) / parts
    return split(array, indices: (1..<parts).map { $0 * size }, axis: axis)
}

/// The array cut in two halves along an axis.
public func split(_ array: MLXArray, axis: Int = 0, stream: StreamOrDevice = .default) -> (
    MLXArray, MLXArray
) {
    let halves = split(array, parts: 2, axis: axis)
    return halves.count == 2 ? (halves[0], halves[1]) : (array, array)
}

/// A part of an axis as a view.
func sliced(_ array: MLXArray, axis: Int, start: Int, count: Int) -> MLXArray {
    var starts = array.shape.map { _ in 0 }
    var sizes = array.shape
    starts[axis] = start
    sizes[axis] = count
    let slice = Slice(starts: starts, steps: sizes.map { _ in 1 }, sizes: sizes)
    return MLXArray.viewed(array, slice)
}

/// The array, whose gradient is taken as zero.
public func stopGradient(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.viewed(array, StopGradient())
}
