import MLX
import TestSupport
import Testing

@Suite("A boolean mask in a subscript")
struct MaskTests {
    private let array = arange(12).reshaped([3, 4])

    @Test("picks where it is true, its axes at once")
    func get() {
        let mask = (array % 5) .== 0
        #expect(array[mask].asArray(Int.self) == [0, 5, 10])
        let rows = MLXArray([true, false, true])
        #expect(array[rows].shape == [2, 4])
        #expect(array[rows].asArray(Int.self) == [0, 1, 2, 3, 8, 9, 10, 11])
        #expect(array[0..., MLXArray([false, true, true, false])].shape == [3, 2])
        #expect(array[rows, 1].asArray(Int.self) == [1, 9])
        #expect(array[rows, MLXArray([3, 0])].asArray(Int.self) == [3, 8])
        #expect(array[rows, .newAxis, 1...].shape == [2, 1, 3])
        #expect(array[.ellipsis, MLXArray([true, false, false, true])].shape == [3, 2])
        #expect(array[array .< 0].shape == [0])
        #expect(array[.newAxis, mask].shape == [1, 3])
        let cube = arange(24).reshaped([2, 3, 4])
        #expect(cube[0..., mask].asArray(Int.self) == [0, 5, 10, 12, 17, 22])
        #expect(cube[arange(24).reshaped([2, 3, 4]) .>= 20].asArray(Int.self) == [20, 21, 22, 23])
    }

    @Test("that lies otherwise in memory picks the same")
    func strided() {
        let mask = (array % 5) .== 0
        for arrangement in Arrangement.allCases {
            #expect(array[arrangement(mask)].asArray(Int.self) == [0, 5, 10])
        }
    }

    @Test("is assigned through with one value, with a row, and with a value for each")
    func set() {
        let changed = array + 0
        changed[changed .> 9] = MLXArray(-1)
        #expect(changed[2].asArray(Int.self) == [8, 9, -1, -1])
        changed[MLXArray([false, true, false])] = MLXArray([1, 2, 3, 4])
        #expect(changed[1].asArray(Int.self) == [1, 2, 3, 4])
        changed[changed .< 0] = MLXArray([6, 7])
        #expect(changed[2].asArray(Int.self) == [8, 9, 6, 7])
        changed[MLXArray([true, false, true]), 0] = MLXArray([50, 60])
        #expect(changed[0..., 0].asArray(Int.self) == [50, 1, 60])
        #expect(changed.at[changed .>= 50].add(1).asArray(Int.self).max() == 61)
        changed[MLXArray([true, true, true])] = zeros([3, 1])
        #expect(changed.sum().item(Int.self) == 0)
    }

    @Test("of which nothing but a select is needed stays lazy under vmap, and has a gradient")
    func transforms() {
        let batch = random([3, 4], .float64, seed: 4)
        let result = vmap { (row: MLXArray) -> MLXArray in
            let changed = row + 0
            changed[row .< 0] = MLXArray(0)
            return changed
        }(batch)
        #expect(bitDifference(result, which(batch .< 0, 0, batch)) == nil)
        let gradient = grad { (x: MLXArray) in (x[x .> 0] * 2).sum() }
        #expect(bitDifference(gradient(batch), which(batch .> 0, 2, zeros(like: batch))) == nil)
    }

    @Test("of another shape is refused")
    func refusals() {
        for mask in [MLXArray([true, false]), MLXArray(true), ones([3, 4, 1], dtype: .bool)] {
            #expect(throws: MLXError.self) { try withError { array[mask] } }
            #expect(throws: MLXError.self) {
                try withError { (array + 0)[mask] = MLXArray([1, 2]) }
            }
        }
    }
}
