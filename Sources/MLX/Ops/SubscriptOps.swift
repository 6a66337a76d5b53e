/// The elements that the operations of a subscript name.
func indexed(_ array: MLXArray, _ operations: [MLXArrayIndexOperation]) -> MLXArray {
    do {
        let result = try Subscript(array, operations).result()
        return result === array ? MLXArray(array.value) : result
    } catch {
        ErrorHandler.report(error)
        return zeros([0], dtype: array.dtype)
    }
}

/// The operations with the ellipsis replaced by whole axes, as many as the others leave of the
/// shape.
package func expandEllipsisOperations(
    shape: [Int], operations: [MLXArrayIndexOperation]
) -> [MLXArrayIndexOperation] {
    guard let position = operations.firstIndex(where: \.isEllipsis) else { return operations }
    let used = operations.count { !$0.isEllipsis && !$0.isNewAxis }
    var expanded = operations
    expanded.replaceSubrange(
        position...position,
        with: repeatElement(.slice(MLXSlice()), count: max(shape.count - used, 0)))
    return expanded
}

extension MLXArrayIndexOperation {
    var isEllipsis: Bool { if case .ellipsis = self { true } else { false } }
    var isNewAxis: Bool { if case .newAxis = self { true } else { false } }
}

/// A subscript taken apart: first a slice of every axis, then one gather, then the axes in order.
struct Subscript {
    /// What stands in one place of the result's shape.
    enum Place {
        case axis(Int)
        case newAxis
        /// All axes that the index arrays bring.
        case gathered
    }

    let array: MLXArray
    private(set) var starts: [Int]
    private(set) var steps: [Int]
    private(set) var sizes: [Int]
    private(set) var dropped: Set<Int> = []
    private(set) var gathers: [(axis: Int, indices: MLXArray)] = []
    private(set) var places: [Place] = []

    init(_ array: MLXArray, _ operations: [MLXArrayIndexOperation]) throws(MLXError) {
        self.array = array
        starts = array.shape.map { _ in 0 }
        steps = array.shape.map { _ in 1 }
        sizes = array.shape
        let operations = try withoutMasks(operations, array.shape)
        let consuming = operations.count { !$0.isEllipsis && !$0.isNewAxis }
        guard consuming <= array.ndim else {
            throw .caught("[index] \(consuming) indices for an array of shape \(array.shape)")
        }
        guard operations.count(where: \.isEllipsis) <= 1 else {
            throw .caught("[index] more than one ellipsis")
        }
        try place(expandEllipsisOperations(shape: array.shape, operations: operations))
    }

    private mutating func place(_ operations: [MLXArrayIndexOperation]) throws(MLXError) {
        var axis = 0
        // The places of the result where integers and index arrays stand.
        var picked: [Int] = []
        for operation in operations {
            switch operation {
            case .newAxis, .ellipsis:
                places.append(.newAxis)
                continue
            case .slice(let slice):
                try cut(axis, slice)
                places.append(.axis(axis))
            case .index(let index):
                try pick(axis, Int(index))
                picked.append(places.count)
                places.append(.axis(axis))
            case .array(let indices):
                try gather(axis, indices)
                picked.append(places.count)
                places.append(.axis(axis))
            }
            axis += 1
        }
        places += (axis..<array.ndim).map { .axis($0) }
        if let first = picked.first, let last = picked.last, !gathers.isEmpty {
            for place in picked.reversed() { places.remove(at: place) }
            places.insert(.gathered, at: last - first + 1 == picked.count ? first : 0)
        }
    }

    private mutating func cut(_ axis: Int, _ slice: MLXSlice) throws(MLXError) {
        if slice.isFull { return }
        let size = try size(axis)
        let step = Int(slice.stride)
        if step == 0 { throw .caught("[index] a slice with stride 0") }
        // A walk back may stop before the first element, at -1.
        let bounds = step > 0 ? (0, Int(size)) : (-1, Int(size) - 1)
        let start = min(max(Int(slice.absoluteStart(size)), bounds.0), bounds.1)
        let end = min(max(Int(slice.absoluteEnd(size)), bounds.0), bounds.1)
        let distance = step > 0 ? end - start : start - end
        sizes[axis] = max((distance + abs(step) - 1) / abs(step), 0)
        if sizes[axis] > 0 { (starts[axis], steps[axis]) = (start, step) }
    }

    private mutating func pick(_ axis: Int, _ index: Int) throws(MLXError) {
        let size = Int(try size(axis))
        let position = index < 0 ? index + size : index
        guard 0..<size ~= position else {
            throw .caught(
                "[index] \(index) lies outside axis \(axis) of an array of shape \(array.shape)")
        }
        (starts[axis], sizes[axis]) = (position, 1)
        dropped.insert(axis)
    }

    private mutating func gather(_ axis: Int, _ indices: MLXArray) throws(MLXError) {
        guard indices.dtype.isInteger else {
            throw .caught("[index] an index array must have integers, got \(indices.dtype)")
        }
        gathers.append((axis, indices))
    }

    /// The size of an axis that an index names a part of.
    private func size(_ axis: Int) throws(MLXError) -> Int32 {
        guard let size = Int32(exactly: array.shape[axis]) else {
            throw .caught("[index] axis \(axis) of shape \(array.shape) is beyond 32-bit indices")
        }
        return size
    }
}

extension Subscript {
    func result() throws(MLXError) -> MLXArray {
        var result = array
        if sizes != array.shape || steps.contains(where: { $0 != 1 }) {
            result = MLXArray.viewed(array, Slice(starts: starts, steps: steps, sizes: sizes))
        }
        result = reshaped(result, kept.map { sizes[$0] })
        guard let first = gathers.first else { return reshaped(result, shape([])) }
        let (axes, position) = (gatheredAxes, gatheredPosition)
        if gathers.count == 1 {
            let taken = take(result, first.indices, axis: axes[0])
            let block = axes[0]..<axes[0] + first.indices.ndim
            return reshaped(moved(taken, Array(block), to: position), shape(first.indices.shape))
        }
        let lengths = gathers.map { array.shape[$0.axis] }
        let indices = try indices()
        result = moved(result, axes, to: position)
        var joined = result.shape
        joined.replaceSubrange(position..<position + axes.count, with: [lengths.reduce(1, *)])
        let taken = take(reshaped(result, joined), indices, axis: position)
        return reshaped(taken, shape(indices.shape))
    }

    /// The axes that no integer picks from.
    var kept: [Int] { sizes.indices.filter { !dropped.contains($0) } }

    /// The axes that index arrays pick from, counted among the kept ones.
    var gatheredAxes: [Int] { gathers.compactMap { kept.firstIndex(of: $0.axis) } }

    /// How many axes stand before those that the index arrays bring.
    var gatheredPosition: Int {
        places.prefix { if case .gathered = $0 { false } else { true } }
            .count { if case .axis = $0 { true } else { false } }
    }

    /// The result's shape where the index arrays bring these axes.
    func shape(_ gathered: [Int]) -> [Int] {
        places.flatMap { place in
            switch place {
            case .axis(let axis): dropped.contains(axis) ? [] : [sizes[axis]]
            case .newAxis: [1]
            case .gathered: gathered
            }
        }
    }

    /// The array with some axes moved together behind the first `position` of the others.
    func moved(_ array: MLXArray, _ axes: [Int], to position: Int) -> MLXArray {
        var order = (0..<array.ndim).filter { !axes.contains($0) }
        order.insert(contentsOf: axes, at: position)
        return order == Array(0..<array.ndim) ? array : transposed(array, axes: order)
    }

    /// The index arrays as one: broadcast, into their axes joined.
    func indices() throws(MLXError) -> MLXArray {
        if gathers.count == 1 { return gathers[0].indices }
        let shapes = gathers.map(\.indices.shape)
        guard broadcastShape(shapes) != nil else {
            let list = shapes.map(tuple).joined(separator: " and ")
            throw .caught("[index] index arrays of shapes \(list) cannot be broadcast")
        }
        return joinedIndices(
            gathers.map(\.indices), lengths: gathers.map { array.shape[$0.axis] })
    }
}
