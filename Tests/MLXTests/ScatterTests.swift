import MLX
import TestSupport
import Testing

@Suite("Scattering")
struct ScatterTests {
    private static let rows = PrimitiveCase.scattering

    @Test("over a batch equals a stack of single calls, whichever inputs have the axis and where")
    func batches() {
        for row in Self.rows {
            let single = row.arrays(.float64)
            for batched in 1..<(1 << single.count) {
                for axis in 0...single[0].ndim {
                    check(row, single, batched, axis)
                }
            }
        }
    }

    private func check(_ row: PrimitiveCase, _ single: [MLXArray], _ batched: Int, _ axis: Int) {
        let axes = single.indices.map { index -> Int? in
            batched >> index & 1 == 1 ? min(axis, single[index].ndim) : nil
        }
        /// Each input of the batch moved on by its number, within the domain.
        func input(_ index: Int, _ number: Int) -> MLXArray {
            let array = single[index]
            return axes[index] == nil || number == 0
                ? array
                : array.dtype == .float64 ? array + Double(number) * 0.25 : array.T.T * 0 - 1
        }
        let inputs = single.indices.map { index in
            axes[index].map { axis in stacked((0..<3).map { input(index, $0) }, axis: axis) }
                ?? single[index]
        }
        let result = vmap({ [row.function($0)] }, inAxes: axes)(inputs)[0]
        let expected = stacked(
            (0..<3).map { number in row.function(single.indices.map { input($0, number) }) })
        #expect(bitDifference(result, expected) == nil, "\(row.testDescription), \(axes)")
    }

    @Test(
        "with a batch of indices equals a stack of single calls",
        arguments: [0, 1], [false, true])
    func batchesOfIndices(axis: Int, isAll: Bool) {
        let array = random(isAll ? [3, 4, 5] : [4, 5], .float64, seed: 1)
        let updates = random(isAll ? [3, 2, 5] : [2, 5], .float64, seed: 2)
        let indices = MLXArray([0, -1, 2, 2, 3, 1], [3, 2])
        func update(_ inputs: [MLXArray]) -> MLXArray {
            let moved = axis == 0 ? inputs[0] : inputs[0].T
            let changes = axis == 0 ? inputs[2] : inputs[2].T
            return axis == 0
                ? moved.at[inputs[1]].add(changes) : moved.at[0..., inputs[1]].add(changes)
        }
        let axes: [Int?] = isAll ? [0, 0, 0] : [nil, 0, nil]
        let result = vmap({ [update($0)] }, inAxes: axes)([array, indices, updates])[0]
        let expected = stacked(
            (0..<3).map { number in
                update([
                    isAll ? array[number] : array, indices[number],
                    isAll ? updates[number] : updates,
                ])
            })
        #expect(bitDifference(result, expected) == nil)
    }

    @Test("has tangents that agree with its gradients", arguments: rows)
    func tangents(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let numbers = row.differentiable
        guard !numbers.isEmpty else { return }
        func function(_ changed: [MLXArray]) -> [MLXArray] { [row.function(changed)] }
        for wanted in [numbers] + numbers.map({ [$0] }) {
            func part(_ changed: [MLXArray]) -> [MLXArray] {
                var all = inputs
                for (number, input) in zip(wanted, changed) { all[number] = input }
                return function(all)
            }
            let primals = wanted.map { inputs[$0] }
            let changes = primals.map { random($0.shape, .float64, seed: 5) }
            let (outputs, tangents) = jvp(part, primals: primals, tangents: changes)
            let weights = random(outputs[0].shape, .float64, seed: 6)
            let gradients = vjp(part, primals: primals, cotangents: [weights]).1
            let forward = (tangents[0] * weights).sum().item(Double.self)
            let backward = zip(changes, gradients).reduce(0) {
                $0 + ($1.0 * $1.1).sum().item(Double.self)
            }
            #expect(abs(forward - backward) < 1e-12 * max(1, abs(forward)))
        }
    }

    @Test("gives an update that is overwritten no gradient")
    func overwritten() {
        let indices = MLXArray([1, 1, 0])
        let gradient = grad { (updates: MLXArray) in
            let array = zeros([3])
            array[indices] = updates
            return (array * MLXArray([1, 2, 4] as [Float])).sum()
        }
        #expect(gradient(ones([3])).asArray(Float.self) == [0, 2, 1])
    }

    @Test("multiplies with gradients that hold beside zeros")
    func zeroFactors() {
        let updates = MLXArray([0, 3, 0, 0, 5] as [Float])
        let indices = MLXArray([0, 0, 1, 1, 2])
        let gradients = grad(
            { (inputs: [MLXArray]) in [inputs[0].at[indices].multiply(inputs[1]).sum()] },
            argumentNumbers: [0, 1])([MLXArray([2, 7, 0] as [Float]), updates])
        #expect(gradients[0].asArray(Float.self) == [0, 0, 5])
        #expect(gradients[1].asArray(Float.self) == [6, 0, 0, 0, 0])
    }

    @Test("sums half types in float32 and rounds once", arguments: [DType.float16, .bfloat16])
    func halfSums(_ half: DType) {
        let sums = zeros([2], dtype: half).at[zeros([4096], dtype: .int32)].add(1)
        #expect(numbers(sums) == [4096, 0])
    }

    @Test(
        "joins elements of every type as the elementwise operations do", arguments: DType.allCases)
    func types(_ dtype: DType) {
        let array = MLXArray([1, 0, 3, 1]).asType(dtype)
        let updates = MLXArray([2, 1, 0]).asType(dtype)
        let indices = MLXArray([3, 0, 3])
        let at = array.at[indices]
        let (first, rest) = (array[0], array[1..<3])
        func joined(_ operation: (MLXArray, MLXArray) -> MLXArray) -> MLXArray {
            let last = operation(operation(array[3], updates[0]), updates[2])
            return concatenated(
                [operation(first, updates[1]).reshaped([1]), rest, last.reshaped([1])])
        }
        #expect(bitDifference(at.add(updates), joined { $0 + $1 }) == nil)
        #expect(bitDifference(at.multiply(updates), joined { $0 * $1 }) == nil)
        #expect(bitDifference(at.minimum(updates), joined { minimum($0, $1) }) == nil)
        #expect(bitDifference(at.maximum(updates), joined { maximum($0, $1) }) == nil)
        array[indices] = updates
        #expect(bitDifference(array, MLXArray([1, 0, 3, 0]).asType(dtype)) == nil)
    }

    @Test("keeps NaN in minimum and maximum, whichever side it is on")
    func notANumber() {
        let array = MLXArray([Float.nan, 1, 2])
        let updates = MLXArray([0, Float.nan, 3])
        for result in [
            array.at[MLXArray([0, 1, 2])].minimum(updates),
            array.at[MLXArray([0, 1, 2])].maximum(updates),
        ] {
            let values = result.asArray(Float.self)
            #expect(values[0].isNaN && values[1].isNaN && !values[2].isNaN)
        }
    }

    @Test("gives the same bits for many rows with one, two and three threads")
    func threads() {
        let array = random([50, 9001], seed: 1)
        let updates = random([400, 9001], seed: 2)
        let indices = MLXArray((0..<400).map { $0 * $0 % 50 })
        func result() -> [UInt8] { bits(array.at[indices].add(updates)) }
        let expected = withWorkers(1) { result() }
        for count in 2...3 { #expect(withWorkers(count) { result() } == expected) }
    }
}
