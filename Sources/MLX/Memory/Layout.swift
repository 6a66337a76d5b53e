/// Where the elements of an array lie in its storage: shape, strides and offset, in elements.
package struct Layout: Equatable, Sendable {
    package var shape: [Int]
    package var strides: [Int]
    package var offset: Int

    package init(shape: [Int], strides: [Int], offset: Int = 0) {
        self.shape = shape
        self.strides = strides
        self.offset = offset
    }

    /// The row-major layout of a shape.
    package init(contiguous shape: [Int]) {
        self.init(shape: shape, strides: Layout.rowStrides(shape))
    }

    package var count: Int { shape.reduce(1, *) }

    /// Whether the elements follow each other in row-major order without gaps.
    package var isContiguous: Bool {
        var expected = 1
        for axis in shape.indices.reversed() where shape[axis] != 1 {
            if shape[axis] == 0 { return true }
            if strides[axis] != expected { return false }
            expected *= shape[axis]
        }
        return true
    }

    /// Whether every element is the same one.
    package var isSingle: Bool {
        for axis in shape.indices where shape[axis] != 1 && strides[axis] != 0 { return false }
        return true
    }

    /// How many elements of the row-major order lie at one place, before those at the next.
    var repetitions: Int {
        var count = 1
        for axis in shape.indices.reversed() where shape[axis] != 1 {
            if strides[axis] != 0 { break }
            count *= shape[axis]
        }
        return count
    }

    /// The strides of one element stretched, by the number of axes; made once.
    private static let noSteps = (0..<8).map { [Int](repeating: 0, count: $0) }

    /// The strides of arrays of one axis; made once.
    private static let oneStep = [1]

    static func rowStrides(_ shape: [Int]) -> [Int] {
        if shape.count < 2 { return shape.isEmpty ? shape : oneStep }
        var strides = shape
        var step = 1
        for axis in shape.indices.reversed() {
            strides[axis] = step
            step *= max(shape[axis], 1)
        }
        return strides
    }

    package func transposed(_ axes: [Int]) -> Layout {
        Layout(shape: axes.map { shape[$0] }, strides: axes.map { strides[$0] }, offset: offset)
    }

    /// The layout stretched to a shape; new and stretched axes have stride 0.
    package func broadcast(to target: [Int]) -> Layout {
        if shape.isEmpty, target.count < Layout.noSteps.count {
            return Layout(shape: target, strides: Layout.noSteps[target.count], offset: offset)
        }
        let added = target.count - shape.count
        var result = [Int](repeating: 0, count: target.count)
        for axis in shape.indices where shape[axis] == target[axis + added] {
            result[axis + added] = strides[axis]
        }
        return Layout(shape: target, strides: result, offset: offset)
    }

    /// The layout of `starts ..< …` by steps; the shape tells how many of each axis.
    package func sliced(starts: [Int], steps: [Int], shape: [Int]) -> Layout {
        var result = self
        result.shape = shape
        for axis in shape.indices {
            result.offset += starts[axis] * strides[axis]
            result.strides[axis] *= steps[axis]
        }
        return result
    }

    /// The layout with axes that follow each other in memory joined and axes of size 1 left out;
    /// walks the same elements in the same order.
    package var collapsed: Layout {
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
            return Layout(shape: target, strides: Layout.rowStrides(target), offset: offset)
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
