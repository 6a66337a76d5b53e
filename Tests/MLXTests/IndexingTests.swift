import MLX
import TestSupport
import Testing

/// A subscript of `x`, the numbers 0 to 23 of shape [2, 3, 4], and what numpy 2.4.6 gives for it.
private struct NumpyCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let picked: @Sendable (Operands) -> MLXArray
    let shape: [Int]
    let values: [Int32]

    init(
        _ text: String, _ picked: @escaping @Sendable (Operands) -> MLXArray, _ shape: [Int],
        _ values: [Int32]
    ) {
        (testDescription, self.picked, self.shape, self.values) = (text, picked, shape, values)
    }
}

private struct Operands {
    var x = arange(24).reshaped(2, 3, 4)
    let i = MLXArray([1, 0, -1])
    let j = MLXArray([2, 0], [2, 1])
    let k = MLXArray(1)
}

private let numpyCases: [NumpyCase] = [
    NumpyCase("[1]", { $0.x[1] }, [3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]),
    NumpyCase("[-1, 2]", { $0.x[-1, 2] }, [4], [20, 21, 22, 23]),
    NumpyCase("[1, -1, 0]", { $0.x[1, -1, 0] }, [], [20]),
    NumpyCase("[..., 1]", { $0.x[.ellipsis, 1] }, [2, 3], [1, 5, 9, 13, 17, 21]),
    NumpyCase(
        "[None, 0]", { $0.x[.newAxis, 0] }, [1, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    NumpyCase(
        "[0, ..., None]", { $0.x[0, .ellipsis, .newAxis] }, [3, 4, 1],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    NumpyCase("[1:, :2]", { $0.x[1..., ..<2] }, [1, 2, 4], [12, 13, 14, 15, 16, 17, 18, 19]),
    NumpyCase(
        "[:, ::-1]", { $0.x[.ellipsis, .stride(by: -1), 0...] }, [2, 3, 4],
        [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 20, 21, 22, 23, 16, 17, 18, 19, 12, 13, 14, 15]),
    NumpyCase(
        "[:, -2:, ::2]", { $0.x[0..., (-2)..., .stride(by: 2)] }, [2, 2, 2],
        [4, 6, 8, 10, 16, 18, 20, 22]),
    NumpyCase("[0, 5:9]", { $0.x[0, 5..<9] }, [0, 4], []),
    NumpyCase(
        "[:, 2:0:-1, 3:-9:-2]",
        { $0.x[0..., .stride(from: 2, to: 0, by: -1), .stride(from: 3, to: -9, by: -2)] },
        [2, 2, 2], [11, 9, 7, 5, 23, 21, 19, 17]),
    NumpyCase(
        "[i]", { $0.x[$0.i] }, [3, 3, 4],
        [
            12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
            12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
        ]),
    NumpyCase(
        "[:, :, j]", { $0.x[.ellipsis, $0.j] }, [2, 3, 2, 1],
        [2, 0, 6, 4, 10, 8, 14, 12, 18, 16, 22, 20]),
    NumpyCase("[0, :, i]", { $0.x[0, 0..., $0.i] }, [3, 3], [1, 5, 9, 0, 4, 8, 3, 7, 11]),
    NumpyCase("[0, i]", { $0.x[0, $0.i] }, [3, 4], [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]),
    NumpyCase(
        "[i, None, j]", { $0.x[$0.i, .newAxis, $0.j] }, [2, 3, 1, 4],
        [20, 21, 22, 23, 8, 9, 10, 11, 20, 21, 22, 23, 12, 13, 14, 15, 0, 1, 2, 3, 12, 13, 14, 15]),
    NumpyCase(
        "[i, :, j]", { $0.x[$0.i, 0..., $0.j] }, [2, 3, 3],
        [14, 18, 22, 2, 6, 10, 14, 18, 22, 12, 16, 20, 0, 4, 8, 12, 16, 20]),
    NumpyCase(
        "[i, j]", { $0.x[$0.i, $0.j] }, [2, 3, 4],
        [20, 21, 22, 23, 8, 9, 10, 11, 20, 21, 22, 23, 12, 13, 14, 15, 0, 1, 2, 3, 12, 13, 14, 15]),
    NumpyCase(
        "[:, i, j]", { $0.x[0..., $0.i, $0.j] }, [2, 2, 3],
        [6, 2, 10, 4, 0, 8, 18, 14, 22, 16, 12, 20]),
    NumpyCase("[i, j, i]", { $0.x[$0.i, $0.j, $0.i] }, [2, 3], [21, 8, 23, 13, 0, 15]),
    NumpyCase(
        "[:, None, i, 1]", { $0.x[0..., .newAxis, $0.i, 1] }, [2, 1, 3], [5, 1, 9, 17, 13, 21]),
    NumpyCase(
        "[None, 0, i]", { $0.x[.newAxis, 0, $0.i] }, [1, 3, 4],
        [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]),
    NumpyCase(
        "[1:, i, ::-2]", { $0.x[1..., $0.i, .stride(by: -2)] }, [1, 3, 2],
        [19, 17, 15, 13, 23, 21]),
    NumpyCase(
        "[0, ..., i, None]", { $0.x[0, .ellipsis, $0.i, .newAxis] }, [3, 3, 1],
        [1, 5, 9, 0, 4, 8, 3, 7, 11]),
    NumpyCase("[k]", { $0.x[$0.k] }, [3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]),
    NumpyCase(
        "[k, :, i]", { $0.x[$0.k, 0..., $0.i] }, [3, 3], [13, 17, 21, 12, 16, 20, 15, 19, 23]),
]

@Suite struct IndexingTests {
    @Test("A subscript gives what numpy gives", arguments: numpyCases)
    fileprivate func numpy(_ row: NumpyCase) {
        let result = row.picked(Operands())
        #expect(result.shape == row.shape)
        #expect(result.asArray(Int32.self) == row.values)
    }

    @Test func `five hundred random subscripts agree with picking element by element`() {
        var random = SplitMix(state: 3)
        for _ in 0..<500 {
            let shape = (0..<1 + random.below(4)).map { _ in 1 + random.below(4) }
            let array = arange(shape.reduce(1, *)).reshaped(shape)
            let oracle = Oracle(shape: shape, random: &random)
            let result = array[oracle.indices]
            #expect(result.shape == oracle.result.shape, "\(shape) \(oracle.operations)")
            #expect(
                result.asArray(Int32.self) == oracle.result.values, "\(shape) \(oracle.operations)")
        }
    }

    @Test func `without index arrays the result is a view`() {
        let x = Operands().x
        #expect(x[1].asData(access: .noCopy).strides == [4, 1])
        #expect(x[.ellipsis, .stride(by: 2)].asData(access: .noCopy).strides == [12, 4, 2])
        #expect(x[0..., 1, .newAxis].asData(access: .noCopy).strides.last == 1)
        let all = x[.ellipsis]
        #expect(all !== x)
        #expect(bitDifference(all, x) == nil)
        #expect(bitDifference(x[[any MLXArrayIndex]()], x) == nil)
    }

    @Test func `range ends count the last element as -1`() {
        let x = arange(5)
        #expect(x[...(-1)].asArray(Int.self) == [0, 1, 2, 3, 4])
        #expect(x[...(-2)].asArray(Int.self) == [0, 1, 2, 3])
        #expect(x[(-3)...(-1)].asArray(Int.self) == [2, 3, 4])
        #expect(x[..<(-1)].asArray(Int.self) == [0, 1, 2, 3])
        #expect(x[2 ..< .max].asArray(Int.self) == [2, 3, 4])
        #expect(x[MLX.stride(from: -1, to: 0, by: -2)].asArray(Int.self) == [4, 2])
    }

    @Test func `rows come one after the other`() {
        let x = Operands().x
        #expect(x.map(\.shape) == [[3, 4], [3, 4]])
        #expect(Array(arange(3)).map { $0.item(Int.self) } == [0, 1, 2])
        #expect(Array(zeros([0, 2])).isEmpty)
    }

    @Test func `an index outside its axis is refused with index and shape`() throws {
        let x = Operands().x
        let refused: [(String, () -> MLXArray)] = [
            ("[index] 2 lies outside axis 0 of an array of shape [2, 3, 4]", { x[2] }),
            ("[index] -4 lies outside axis 1 of an array of shape [2, 3, 4]", { x[0, -4] }),
            ("[index] 4 indices for an array of shape [2, 3, 4]", { x[0, 0, 0, 0] }),
            ("[index] more than one ellipsis", { x[.ellipsis, 0, .ellipsis] }),
            ("[index] a slice with stride 0", { x[.stride(by: 0)] }),
            (
                "[index] index arrays of shapes (2) and (3) cannot be broadcast",
                { x[MLXArray([0, 1]), MLXArray([0, 1, 2])] }
            ),
        ]
        for (message, pick) in refused {
            #expect(throws: MLXError.caught(message)) { try withError { _ = pick() } }
        }
        let inside = MLXArray([0, 1])
        for wrong in [MLXArray([0, 4]), MLXArray([0, -5]), MLXArray([UInt32(0), .max])] {
            #expect(throws: MLXError.self) { try withError { x[0, 0, wrong].eval() } }
            #expect(throws: MLXError.self) { try withError { x[.ellipsis, inside, wrong].eval() } }
        }
    }

    @Test func `the ellipsis becomes the axes that are left`() {
        let expanded = expandEllipsisOperations(
            shape: [2, 3, 4], operations: [.index(0), .newAxis, .ellipsis])
        #expect(expanded.map(\.description) == ["0", "newAxis", ":", ":"])
        let none = expandEllipsisOperations(shape: [2], operations: [.ellipsis, .index(0)])
        #expect(none.map(\.description) == ["0"])
        #expect(MLXSlice(start: 1, end: -1, stride: 2).description == "1:-1:2")
    }

    @Test("The gradient is the weight where an element was picked", arguments: numpyCases)
    fileprivate func gradient(_ row: NumpyCase) {
        let operands = Operands()
        let weights = arange(1.0, Double(row.values.count) + 1).reshaped(row.shape)
        let slope = grad { (x: MLXArray) in
            (row.picked(Operands(x: x.reshaped(2, 3, 4))) * weights).sum()
        }(operands.x.asType(.float32).reshaped(24))
        var expected = [Double](repeating: 0, count: 24)
        for (position, value) in row.values.enumerated() {
            expected[Int(value)] += Double(position + 1)
        }
        #expect(difference(slope, expected, .exact) == nil)
    }
}

/// A random subscript and what it picks of the numbers from 0 on, found element by element.
private struct Oracle {
    private(set) var indices: [any MLXArrayIndex] = []
    private(set) var result: (shape: [Int], values: [Int32]) = ([], [])
    private let shape: [Int]
    /// For each axis the positions that a slice leaves; nil where an integer or array picks.
    private var slices: [[Int]?] = []
    /// For each picking axis its positions for the elements of `picks`.
    private var picked: [Int: [Int]] = [:]
    /// The shape that the index arrays broadcast to.
    private let picks: [Int]
    private var hasArray = false
    /// The result's places: an axis, -1 for a new axis, -2 for an integer or array.
    private var places: [Int] = []

    var operations: [String] { indices.map(\.mlxArrayIndexOperation.description) }

    init(shape: [Int], random: inout SplitMix) {
        self.shape = shape
        picks = random.below(2) == 0 ? [3] : [2, 2]
        let used = random.below(shape.count + 1)
        for axis in 0..<used {
            if random.below(5) == 0 {
                indices.append(.newAxis)
                places.append(-1)
            }
            add(axis, &random)
        }
        for axis in used..<shape.count {
            slices.append(Array(0..<shape[axis]))
            places.append(axis)
        }
        result = pick()
    }

    private mutating func add(_ axis: Int, _ random: inout SplitMix) {
        let size = shape[axis]
        switch random.below(3) {
        case 0:
            let step = [1, 2, -1, -2][random.below(4)]
            let bounds = [random.below(size), random.below(size)]
            let (start, end) =
                step > 0 ? (bounds.min(), bounds.max()) : (bounds.max(), bounds.min())
            guard let start, let end else { return }
            indices.append(.stride(from: start, to: end, by: step))
            slices.append(Array(Swift.stride(from: start, to: end, by: step)))
            places.append(axis)
            return
        case 1:
            let index = random.below(2 * size) - size
            indices.append(index)
            picked[axis] = [Int](repeating: (index + size) % size, count: picks.reduce(1, *))
        default:
            hasArray = true
            var values: [Int] = []
            for _ in 0..<picks.reduce(1, *) { values.append(random.below(2 * size) - size) }
            indices.append(MLXArray(values, picks))
            picked[axis] = values.map { ($0 + size) % size }
        }
        slices.append(nil)
        places.append(-2)
    }

    private func pick() -> (shape: [Int], values: [Int32]) {
        let block = hasArray ? picks : []
        let first = places.firstIndex(of: -2) ?? 0
        let last = places.lastIndex(of: -2) ?? 0
        let isTogether = places[first..<min(last + 1, places.count)].allSatisfy { $0 == -2 }
        // The axes of the result: an axis of the array, -1 for a new one, -2 for the whole block.
        var order = places.filter { $0 != -2 }
        order.insert(-2, at: hasArray && !isTogether ? 0 : first)
        let sizes = order.map {
            $0 == -1 ? 1 : $0 == -2 ? block.reduce(1, *) : slices[$0]?.count ?? 0
        }
        var values: [Int32] = []
        for flat in 0..<sizes.reduce(1, *) {
            var (rest, at) = (flat, [Int: Int]())
            for (axis, size) in zip(order, sizes).reversed() {
                at[axis] = rest % size
                rest /= size
            }
            var position = 0
            for axis in shape.indices {
                let index = slices[axis]?[at[axis] ?? 0] ?? picked[axis]?[at[-2] ?? 0] ?? 0
                position = position * shape[axis] + index
            }
            values.append(Int32(position))
        }
        return (
            order.flatMap { $0 == -1 ? [1] : $0 == -2 ? block : [slices[$0]?.count ?? 0] }, values
        )
    }
}
