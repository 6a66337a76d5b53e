import MLX
import TestSupport
import Testing

/// A function by `vmap` is traced on arrays that serve its next call, where the function has let go
/// of them.
@Suite("A function by vmap, called again")
struct VmapCallTests {
    private let x = MLXArray(0..<6, [3, 2]).asType(.float32)

    @Test("follows the shapes, types and numbers of arrays of each call")
    func otherArguments() {
        let sums = vmap({ arrays in [arrays.reduce(MLXArray(0)) { $0 + $1 }] })
        #expect(sums([x, x])[0].asArray(Float.self) == [0, 2, 4, 6, 8, 10])
        #expect(sums([x])[0].asArray(Float.self) == [0, 1, 2, 3, 4, 5])
        #expect(sums([x.T, x.T, x.T])[0].shape == [2, 3])
        #expect(sums([x[0], x[1]])[0].asArray(Float.self) == [2, 4])
        let whole = sums([x.asType(.int32), x.asType(.int32)])[0]
        #expect(whole.dtype == .int32 && whole.asArray(Int32.self) == [0, 2, 4, 6, 8, 10])
        #expect(sums([x, x])[0].asArray(Float.self) == [0, 2, 4, 6, 8, 10])
    }

    @Test("follows the axis, also where rows differ by it alone")
    func otherAxes() {
        let square = MLXArray(0..<4, [2, 2])
        let doubled = vmap({ $0 * 2 }, inAxes: 1, outAxes: 0)
        for _ in 0..<2 { #expect(doubled(square).asArray(Int32.self) == [0, 4, 2, 6]) }
        let wide = MLXArray(0..<6, [2, 3])
        #expect(doubled(wide).shape == [3, 2])
        #expect(doubled(wide.T).shape == [2, 3])
    }

    @Test("does not touch what the function has kept of a call before")
    func keptArrays() {
        var kept: [MLXArray] = []
        let plusOne = vmap({ (row: MLXArray) in
            kept.append(row)
            return row + 1
        })
        for _ in 0..<3 { #expect(plusOne(x).asArray(Float.self) == [1, 2, 3, 4, 5, 6]) }
        #expect(kept[0] !== kept[1] && kept[1] !== kept[2])
        #expect(kept.allSatisfy { $0.shape == [2] })
    }

    @Test("does not touch the calls that the function has kept")
    func keptCalls() {
        var kept: [MLXArray] = []
        let plusOne = vmap({ (row: MLXArray) in
            let next = row + 1
            kept.append(next)
            return next * 2
        })
        for _ in 0..<3 { #expect(plusOne(x).asArray(Float.self) == [2, 4, 6, 8, 10, 12]) }
        let again = vmap({ (row: MLXArray) in row + kept[0].shape[0] })
        #expect(again(x).asArray(Float.self) == [2, 3, 4, 5, 6, 7])
    }

    @Test("starts anew where the function writes into its arguments")
    func writtenArguments() {
        let changed = vmap({ (row: MLXArray) in
            row._updateInternal(row + 1)
            row[0] = MLXArray(9 as Float)
            return row
        })
        for _ in 0..<3 { #expect(changed(x).asArray(Float.self) == [9, 2, 9, 4, 9, 6]) }
        #expect(x.asArray(Float.self) == [0, 1, 2, 3, 4, 5])
    }

    @Test("may call itself")
    func ofItself() {
        var inner: ((MLXArray) -> MLXArray)?
        let outer = vmap({ (row: MLXArray) in row.ndim > 0 ? inner?(row) ?? row : row * 3 })
        inner = outer
        for _ in 0..<3 { #expect(outer(x).asArray(Float.self) == [0, 3, 6, 9, 12, 15]) }
    }

    @Test("works after a call that was refused")
    func afterRefusal() {
        let plusOne = vmap({ (row: MLXArray) in row + 1 })
        #expect(plusOne(x).asArray(Float.self) == [1, 2, 3, 4, 5, 6])
        #expect(throws: MLXError.self) { try withError { _ = plusOne(MLXArray(1)) } }
        #expect(plusOne(x).asArray(Float.self) == [1, 2, 3, 4, 5, 6])
    }

    @Test("keeps no argument, neither repeated over nor the same for all", arguments: [0, nil])
    func keptArguments(axis: Int?) {
        let numbers = UnsafeMutablePointer<Float>.allocate(capacity: 4)
        numbers.initialize(repeating: 3, count: 4)
        var isGivenBack = false
        let scaled = vmap({ [$0[0] * $0[1]] }, inAxes: [0, axis])
        do {
            let others = MLXArray(
                rawPointer: numbers, [2, 2], dtype: .float32,
                finalizer: {
                    isGivenBack = true
                    numbers.deallocate()
                })
            eval(scaled([x[..<2], others]))
        }
        #expect(isGivenBack)
    }

    @Test("gives each of several threads its own result")
    func severalThreads() async {
        let shared = SharedFunction(vmap({ (row: MLXArray) in tanh(row) * 2 + row }))
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<4 {
                group.addTask {
                    (0..<200).allSatisfy { _ in
                        let value = Float(number)
                        let rows = MLXArray.full([3, 5], values: MLXArray(value))
                        let result = shared.function(rows)
                        let single = (tanh(MLXArray(value)) * 2 + value).item(Float.self)
                        return result.asArray(Float.self).allSatisfy { $0 == single }
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}

/// A function that threads call at the same time.
private final class SharedFunction: @unchecked Sendable {
    // Unchecked: calls of a function by vmap take turns.
    let function: (MLXArray) -> MLXArray

    init(_ function: @escaping (MLXArray) -> MLXArray) { self.function = function }
}
