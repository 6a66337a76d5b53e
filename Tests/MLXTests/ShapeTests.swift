import MLX
import TestSupport
import Testing

@Suite("Shapes")
struct ShapeTests {
    /// Numbers in row-major order with a shape: what an array should hold.
    private struct Model {
        var shape: [Int]
        var values: [Int]

        /// The values in a new order, given the old index of each new one.
        func rearranged(_ shape: [Int], _ source: ([Int]) -> [Int]) -> Model {
            var result = Model(shape: shape, values: [])
            var index = shape.map { _ in 0 }
            for _ in 0..<shape.reduce(1, *) {
                let old = source(index)
                result.values.append(values[zip(old, self.shape).reduce(0) { $0 * $1.1 + $1.0 }])
                for axis in shape.indices.reversed() {
                    index[axis] += 1
                    if index[axis] < shape[axis] { break }
                    index[axis] = 0
                }
            }
            return result
        }
    }

    @Test("follow any run of views, computed at once or one by one", arguments: 0..<150)
    func views(_ seed: Int) {
        var choice = Values(seed: UInt64(seed))
        var model = Model(shape: [4, 6, 5], values: Array(0..<120))
        var lazy = MLXArray(model.values, model.shape)
        var eager = lazy
        for _ in 0..<12 {
            let (next, step) = move(model, &choice)
            model = next
            lazy = step(lazy)
            eager = step(eager)
            eager.eval()
            #expect(eager.shape == model.shape)
            #expect(eager.asArray(Int.self) == model.values)
        }
        #expect(lazy.asArray(Int.self) == model.values)
        #expect(
            difference(lazy.asType(.float32) + 0, model.values.map { Double($0) }, .exact) == nil)
    }

    /// A random view, in plain loops and as a function of arrays.
    private func move(
        _ model: Model, _ choice: inout Values
    ) -> (Model, (MLXArray) -> MLXArray) {
        let shape = model.shape
        let axis = choice.integers(1, in: 0...max(shape.count - 1, 0))[0]
        switch choice.integers(1, in: 0...5)[0] {
        case 0 where shape.count > 1: return transpose(model, &choice)
        case 1 where shape.count > 0 && shape[axis] > 1:
            let cut = choice.integers(2, in: 0...shape[axis]).sorted()
            if cut[0] == cut[1] { break }
            var smaller = shape
            smaller[axis] = cut[1] - cut[0]
            let next = model.rearranged(smaller) { index in
                var old = index
                old[axis] += cut[0]
                return old
            }
            return (next, { split($0, indices: cut, axis: axis)[1] })
        case 2 where model.values.count < 300:
            let wider = [2] + shape.map { $0 == 1 ? 3 : $0 }
            let next = model.rearranged(wider) { index in
                zip(index.dropFirst(), shape).map { $1 == 1 ? 0 : $0 }
            }
            return (next, { broadcast($0, to: wider) })
        case 3:
            var longer = shape
            longer.insert(1, at: axis)
            return (
                Model(shape: longer, values: model.values), { expandedDimensions($0, axis: axis) }
            )
        default: break
        }
        return reshape(model, &choice)
    }

    private func transpose(
        _ model: Model, _ choice: inout Values
    ) -> (Model, (MLXArray) -> MLXArray) {
        var order = Array(model.shape.indices)
        for index in order.indices.dropFirst() {
            order.swapAt(index, choice.integers(1, in: 0...index)[0])
        }
        let next = model.rearranged(order.map { model.shape[$0] }) { index in
            var old = index
            for (new, axis) in order.enumerated() { old[axis] = index[new] }
            return old
        }
        return (next, { [order] in transposed($0, axes: order) })
    }

    /// Random factors of the number of elements, some of them 1.
    private func reshape(
        _ model: Model, _ choice: inout Values
    ) -> (Model, (MLXArray) -> MLXArray) {
        var rest = model.values.count
        var shape: [Int] = []
        while rest > 1, shape.count < 5 {
            let divisors = (1...rest).filter { rest % $0 == 0 }
            let factor = divisors[choice.integers(1, in: 0...divisors.count - 1)[0]]
            shape.append(factor)
            rest /= factor
        }
        shape.append(rest)
        return (Model(shape: shape, values: model.values), { [shape] in $0.reshaped(shape) })
    }

    @Test("are changed by name")
    func names() {
        let x = arange(24).reshaped([2, 3, 4])
        #expect(x.reshaped([4, -1]).shape == [4, 6])
        #expect(flattened(x, start: 1).shape == [2, 12])
        #expect(flattened(x, start: 0, end: 1).shape == [6, 4])
        #expect(flattened(MLXArray(1)).shape == [1])
        #expect(swappedAxes(x, 0, -1).shape == [4, 3, 2])
        #expect(movedAxis(x, source: 0, destination: -1).shape == [3, 4, 2])
        #expect(movedAxis(x, source: 2, destination: 0).shape == [4, 2, 3])
        #expect(expandedDimensions(x, axes: [0, -1]).shape == [1, 2, 3, 4, 1])
        #expect(squeezed(zeros([1, 3, 1])).shape == [3])
        #expect(squeezed(zeros([1, 3, 1]), axis: -1).shape == [1, 3])
        #expect(transposed(x, axes: [-1, 0, 1]).shape == [4, 2, 3])
        #expect(x.T.shape == [4, 3, 2])
        #expect(x.dim(-1) == 4 && x.count == 2 && x.ndim == 3)
    }

    @Test("of joined and cut arrays fit each other")
    func joining() {
        let x = arange(12).reshaped([3, 4])
        let parts = split(x, indices: [1, 3], axis: 1)
        #expect(parts.map(\.shape) == [[3, 1], [3, 2], [3, 1]])
        #expect(bitDifference(concatenated(parts, axis: 1), x) == nil)
        #expect(bitDifference(concatenated(split(x, parts: 3), axis: 0), x) == nil)
        let (left, right) = split(x, axis: -1)
        #expect(bitDifference(concatenated([left, right], axis: -1), x) == nil)
        #expect(stacked([x, x + 1], axis: -1).shape == [3, 4, 2])
        #expect(
            stacked([x, x + 1], axis: 1).asArray(Int.self).prefix(8) == [0, 1, 2, 3, 1, 2, 3, 4])
        #expect(concatenated([x, ones([1, 4])], axis: 0).dtype == .float32)
        #expect(concatenated([zeros([0, 4]), ones([2, 4]), zeros([0, 4])]).shape == [2, 4])
    }

    @Test(
        "put together lie where their axis says, however long their rows and wherever they lay",
        arguments: [[], [5], [3, 70], [70, 3], [2, 1, 40], [130, 33], [0, 4]])
    func puttingTogether(_ shape: [Int]) {
        let count = shape.reduce(1, *)
        for dtype in [DType.float32, .uint8, .float64] {
            let whole = (0..<5).map { part in
                (arange(count, dtype: .int32).reshaped(shape) + Int32(7 * part)).asType(dtype)
            }
            let mixed = whole.enumerated().map { index, part in
                index == 1 && part.ndim > 1 ? contiguous(part.T).T : part
            }
            for parts in [whole, mixed, Array(whole.prefix(1)), Array(whole.prefix(2))] {
                for axis in -(shape.count + 1)...shape.count {
                    let all = stacked(parts, axis: axis)
                    let place = axis < 0 ? axis + shape.count + 1 : axis
                    var expected = shape
                    expected.insert(parts.count, at: place)
                    #expect(all.shape == expected && all.dtype == dtype)
                    let back = split(all, parts: parts.count, axis: place)
                    for (part, found) in zip(parts, back) {
                        #expect(bitDifference(found.reshaped(shape), part) == nil)
                    }
                }
                for axis in 0..<shape.count {
                    let all = concatenated(parts, axis: axis)
                    for (index, part) in split(all, parts: parts.count, axis: axis).enumerated() {
                        #expect(bitDifference(part, parts[index]) == nil)
                    }
                }
            }
        }
    }

    @Test("put together by all threads are those that one puts together")
    func puttingTogetherByThreads() {
        let parts = (0..<40).map { random([90, 50 + $0 % 3], seed: UInt64($0)) }
        let even = (0..<40).map { random([90, 50], seed: UInt64($0)) }
        func all() -> [[UInt8]] {
            [bits(concatenated(parts, axis: 1))] + (0...2).map { bits(stacked(even, axis: $0)) }
        }
        let alone = withWorkers(1, all)
        for count in [2, 3, 16] { #expect(withWorkers(count, all) == alone) }
        #expect(bitDifference(concatenated(parts, axis: 1)[17, 50 + 50], parts[1][17, 50]) == nil)
    }

    @Test("grow by padding")
    func padding() {
        let x = MLXArray([1, 2, 3, 4], [2, 2])
        let zero = padded(x, widths: [[1, 0], [0, 2]])
        #expect(zero.shape == [3, 4])
        #expect(zero.asArray(Int.self) == [0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0])
        let nine = padded(x, widths: [0, [1, 1]], value: MLXArray(9))
        #expect(nine.asArray(Int.self) == [9, 1, 2, 9, 9, 3, 4, 9])
    }

    @Test("of filled arrays are those asked for")
    func filling() {
        #expect(arange(5).asArray(Int.self) == [0, 1, 2, 3, 4])
        #expect(arange(2, 11, step: 3).asArray(Int.self) == [2, 5, 8])
        #expect(arange(0.5, 2, step: 0.5).asArray(Float.self) == [0.5, 1, 1.5])
        #expect(arange(5, 2).shape == [0])
        #expect(arange(5, 2, step: -1).asArray(Int.self) == [5, 4, 3])
        #expect(linspace(-1, 1, count: 5).asArray(Float.self) == [-1, -0.5, 0, 0.5, 1])
        #expect(eye(2, m: 3, k: 1).asArray(Float.self) == [0, 1, 0, 0, 0, 1])
        #expect(identity(2, dtype: .int32).asArray(Int.self) == [1, 0, 0, 1])
        #expect(full([2], values: MLXArray([7, 8])).asArray(Int.self) == [7, 8])
        #expect(zeros(like: ones([2, 3], dtype: .int8)).dtype == .int8)
    }

    @Test("have the gradient of a cut in one pass")
    func cutGradient() {
        let x = random([4, 6], seed: 1)
        let cotangents = [3, 4, 5].map { random([4, 2], seed: $0) }
        let run = { (a: [MLXArray]) in split(a[0], parts: 3, axis: 1) }
        let gradient = vjp(run, primals: [x], cotangents: cotangents).1[0]
        #expect(GraphDump([gradient]).callCount == 1)
        #expect(bitDifference(gradient, concatenated(cotangents, axis: 1)) == nil)
        let alone = vjp({ [run($0)[1]] }, primals: [x], cotangents: [cotangents[0]]).1[0]
        let none = zeros([4, 2])
        #expect(bitDifference(alone, concatenated([none, cotangents[0], none], axis: 1)) == nil)
    }
}
