import MLX
import TestSupport
import Testing

@Suite("putAlong")
struct PutAlongTests {
    @Test("writes values where indices name them")
    func values() {
        let array = arange(12).reshaped([3, 4])
        let indices = MLXArray([2, 0, -1], [3, 1])
        let result = putAlong(array, indices, values: MLXArray([7, 8, 9], [3, 1]), axis: 1)
        #expect(result.asArray(Int.self) == [0, 1, 7, 3, 8, 5, 6, 7, 8, 9, 10, 9])
        let flat = putAlong(array, MLXArray([0, 11]), values: MLXArray(5))
        #expect(flat.shape == [3, 4] && flat[0, 0].item(Int.self) == 5)
        #expect(flat[2, 3].item(Int.self) == 5 && flat.sum().item(Int.self) == 65)
        let columns = putAlong(array, MLXArray([1], [1, 1]), values: MLXArray(0), axis: 0)
        #expect(columns[1].asArray(Int.self) == [0, 0, 0, 0])
        let taken = takeAlong(result, indices, axis: 1)
        #expect(taken.asArray(Int.self) == [7, 8, 9])
    }

    @Test("has the gradients of what stays and of what is written")
    func gradients() {
        let indices = MLXArray([1, 1, 0, 2], [2, 2])
        let gradients = grad(
            { (inputs: [MLXArray]) in
                [
                    (putAlong(inputs[0], indices, values: inputs[1], axis: 1)
                        * arange(6).reshaped([2, 3])).sum()
                ]
            }, argumentNumbers: [0, 1])([ones([2, 3]), ones([2, 2])])
        #expect(gradients[0].asArray(Int.self) == [0, 0, 2, 0, 4, 0])
        #expect(gradients[1].asArray(Int.self) == [0, 1, 3, 5])
    }

    @Test("over a batch equals a stack of single calls")
    func batches() {
        let arrays = random([3, 2, 4], seed: 8)
        let indices = MLXArray([0, 1, 2, 3, -1, -2, 1, 1, 0, 0, 2, 1], [3, 2, 2])
        let values = random([3, 2, 2], seed: 9)
        let result = vmap({ [putAlong($0[0], $0[1], values: $0[2], axis: 1)] })(
            [arrays, indices, values])[0]
        let expected = stacked(
            (0..<3).map { putAlong(arrays[$0], indices[$0], values: values[$0], axis: 1) })
        #expect(bitDifference(result, expected) == nil)
    }
}
