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

    @Test(
        "writes in the order of the indices, with any number of threads", arguments: [0, 1, 2],
        [DType.float32, .int8, .float16, .complex64])
    func order(_ axis: Int, _ dtype: DType) {
        let shape = [3, 130, 190]
        var picked = shape
        picked[axis] = 150
        let array = random(shape, seed: 1).asType(dtype)
        let values = (random(picked, seed: 2) * 100).asType(dtype)
        let length = shape[axis]
        let indices = MLXRandom.randInt(-length..<length, picked, key: MLXRandom.key(3))
        let places = indices.asArray(Int.self)
        // Where each value goes, by plain loops; the last one stays.
        let inner = shape[(axis + 1)...].reduce(1, *)
        var writers = [Int: Int]()
        for (element, index) in places.enumerated() {
            let (block, rest) = element.quotientAndRemainder(dividingBy: picked[axis] * inner)
            let place = (block * length + (index + length) % length) * inner + rest % inner
            writers[place] = element
        }
        var (wanted, written) = (bits(array), bits(values))
        let size = wanted.count / array.size
        for (place, element) in writers {
            for byte in 0..<size { wanted[place * size + byte] = written[element * size + byte] }
        }
        written = []
        for count in [1, 2, 3, 16] {
            let result = withWorkers(count) { () -> [UInt8] in
                bits(putAlong(array, indices, values: values, axis: axis))
            }
            #expect(result == wanted)
            // Over an array that nobody else holds, and with indices that are read where they lie.
            let overwritten = withWorkers(count) { () -> [UInt8] in
                bits(putAlong(array + 0, indices.asType(.int64), values: values, axis: axis))
            }
            #expect(overwritten == wanted)
        }
    }

    @Test("refuses an index outside the axis before it writes", arguments: [DType.int32, .int64])
    func refusals(_ dtype: DType) {
        let array = MLXArray([1, 2, 3, 4, 5, 6] as [Float], [2, 3])
        let indices = MLXArray([0, 1, 2, 3], [2, 2]).asType(dtype)
        let error = #expect(throws: MLXError.self) {
            try withError { putAlong(array, indices, values: MLXArray(Float(9)), axis: 1).eval() }
        }
        let told = error.map { "\($0)" }
        #expect(told == "[putAlong] index 3 at position 3 lies outside an axis of 3")
        #expect(array.asArray(Float.self) == [1, 2, 3, 4, 5, 6])
        // Also over memory that nobody else holds, as often as it is asked.
        let over = putAlong(array + 1, indices, values: MLXArray(Float(9)), axis: 1)
        for _ in 0..<2 {
            let error = #expect(throws: MLXError.self) { try withError { over.eval() } }
            #expect(error.map { "\($0)" } == told)
        }
    }
}
