/// Where the elements of an array lie in its storage: shape, strides and offset, in elements.
package struct Layout: Equatable, Sendable {
    package private(set) var shape: [Int]
    package internal(set) var offset: Int
    /// The strides where they are not those of row-major order: most layouts are, and a list for each
    /// would cost more than the rest of it.
    private var steps: [Int]?

    package init(shape: [Int], strides: [Int], offset: Int = 0) {
        self.shape = shape
        self.offset = offset
        steps = strides
    }

    /// The row-major layout of a shape.
    package init(contiguous shape: [Int], offset: Int = 0) {
        self.shape = shape
        self.offset = offset
        steps = nil
    }

    package static func == (one: Layout, other: Layout) -> Bool {
        guard one.shape == other.shape, one.offset == other.offset else { return false }
        return one.steps == other.steps || one.strides == other.strides
    }

    /// How far the neighbours along each axis lie from each other: a new list where the elements lie
    /// in row-major order.
    package var strides: [Int] { steps ?? Layout.rowStrides(shape) }

    /// The stride of an axis.
    package func stride(_ axis: Int) -> Int {
        if let steps { return steps[axis] }
        var step = 1
        for inner in axis + 1..<shape.count { step *= max(shape[inner], 1) }
        return step
    }

    package var count: Int { shape.reduce(1, *) }

    /// Whether the elements follow each other in row-major order without gaps.
    package var isContiguous: Bool {
        guard let steps else { return true }
        var expected = 1
        for axis in shape.indices.reversed() where shape[axis] != 1 {
            if shape[axis] == 0 { return true }
            if steps[axis] != expected { return false }
            expected *= shape[axis]
        }
        return true
    }

    /// Whether every element is the same one.
    package var isSingle: Bool {
        guard let steps else { return shape.allSatisfy { $0 == 1 } }
        for axis in shape.indices where shape[axis] != 1 && steps[axis] != 0 { return false }
        return true
    }

    /// How the elements follow each other.
    enum Order {
        /// In row-major order, without gaps.
        case row
        /// Not at all: they are one and the same.
        case single
        case other
    }

    var order: Order { isContiguous ? .row : isSingle ? .single : .other }

    /// The strides of one element stretched, by the number of axes; made once.
    private static let noSteps = (0..<8).map { [Int](repeating: 0, count: $0) }

    static func rowStrides(_ shape: [Int]) -> [Int] {
        var strides = shape
        var step = 1
        for axis in shape.indices.reversed() {
            strides[axis] = step
            step *= max(shape[axis], 1)
        }
        return strides
    }

    package func transposed(_ axes: [Int]) -> Layout {
        Layout(shape: axes.map { shape[$0] }, strides: axes.map(stride), offset: offset)
    }

    /// The layout with another axis, of one place.
    func with(axis: Int) -> Layout {
        var (shape, strides) = (shape, strides)
        shape.insert(1, at: axis)
        strides.insert(0, at: axis)
        return Layout(shape: shape, strides: strides, offset: offset)
    }

    /// The layout stretched to a shape; new and stretched axes have stride 0.
    package func broadcast(to target: [Int]) -> Layout {
        if shape.isEmpty, target.count < Layout.noSteps.count {
            return Layout(shape: target, strides: Layout.noSteps[target.count], offset: offset)
        }
        let added = target.count - shape.count
        var result = [Int](repeating: 0, count: target.count)
        for axis in shape.indices where shape[axis] == target[axis + added] {
            result[axis + added] = stride(axis)
        }
        return Layout(shape: target, strides: result, offset: offset)
    }

    /// The layout of `starts ..< …` by steps; the shape tells how many of each axis.
    package func sliced(starts: [Int], steps: [Int], shape: [Int]) -> Layout {
        var (strides, offset) = (strides, offset)
        for axis in shape.indices {
            offset += starts[axis] * strides[axis]
            strides[axis] *= steps[axis]
        }
        return Layout(shape: shape, strides: strides, offset: offset)
    }

    /// The layout with axes that follow each other in memory joined and axes of size 1 left out;
    /// walks the same elements in the same order.
    package var collapsed: Layout {
        if isContiguous, !shape.contains(0) {
            let count = count
            return Layout(shape: [count], strides: [1], offset: offset)
        }
        let strides = strides
        var sizes: [Int] = []
        var steps: [Int] = []
        for axis in shape.indices where shape[axis] != 1 {
            if let last = steps.last, last == strides[axis] * shape[axis] {
                sizes[sizes.count - 1] *= shape[axis]
                steps[steps.count - 1] = strides[axis]
            } else {
                sizes.append(shape[axis])
                steps.append(strides[axis])
            }
        }
        if sizes.isEmpty { return Layout(shape: [1], strides: [1], offset: offset) }
        return Layout(shape: sizes, strides: steps, offset: offset)
    }

    /// The same elements under another shape without a copy, or nil where the strides forbid it.
    package func reshaped(_ target: [Int]) -> Layout? {
        if isContiguous {
            return Layout(contiguous: target, offset: offset)
        }
        let source = collapsed
        var strides = [Int](repeating: 0, count: target.count)
        var axis = source.shape.count - 1
        var left = source.shape[axis]
        var step = source.strides[axis]
        for position in target.indices.reversed() where target[position] != 1 {
            if left == 1, axis > 0 {
                axis -= 1
                left = source.shape[axis]
                step = source.strides[axis]
            }
            guard target[position] != 0, left % target[position] == 0 else { return nil }
            strides[position] = step
            step *= target[position]
            left /= target[position]
        }
        return Layout(shape: target, strides: strides, offset: offset)
    }
}
