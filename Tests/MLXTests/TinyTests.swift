import MLX
import Testing

/// The library in small: read this first.
@Suite("In a few lines")
struct TinyTests {
    @Test("an array is made of numbers and a shape")
    func making() {
        let x = MLXArray([1, 2, 3, 4, 5, 6] as [Float], [2, 3])
        #expect(x.shape == [2, 3])
        #expect(x.dtype == .float32)
        #expect(x.size == 6)
        #expect(x.asArray(Float.self) == [1, 2, 3, 4, 5, 6])
        #expect(MLXArray(7).dtype == .int32)
        #expect(MLXArray(0.5).dtype == .float32)
    }

    @Test("arrays are filled, counted up or spread evenly")
    func factories() {
        #expect(zeros([2]).asArray(Float.self) == [0, 0])
        #expect(ones([2], dtype: .int32).asArray(Int32.self) == [1, 1])
        #expect(full([3], values: 4).asArray(Int32.self) == [4, 4, 4])
        #expect(arange(4).asArray(Int32.self) == [0, 1, 2, 3])
        #expect(linspace(0, 1, count: 3).asArray(Float.self) == [0, 0.5, 1])
        #expect(eye(2).asArray(Float.self) == [1, 0, 0, 1])
    }

    @Test("operators work element by element, and numbers take the array's type")
    func operators() {
        let x = MLXArray([1, 2, 3] as [Float])
        #expect((x + x).asArray(Float.self) == [2, 4, 6])
        #expect((2 * x - 1).asArray(Float.self) == [1, 3, 5])
        #expect((x / 2).asArray(Float.self) == [0.5, 1, 1.5])
        #expect((x ** 2).asArray(Float.self) == [1, 4, 9])
        #expect((x .> 1.5).asArray(Bool.self) == [false, true, true])
        #expect((x.asType(.float16) + 1).dtype == .float16)
    }

    @Test("shapes broadcast")
    func broadcasting() {
        let column = MLXArray([10, 20], [2, 1])
        let row = MLXArray([1, 2, 3])
        let sum = column + row
        #expect(sum.shape == [2, 3])
        #expect(sum.asArray(Int32.self) == [11, 12, 13, 21, 22, 23])
    }

    @Test("nothing is computed before somebody asks")
    func laziness() {
        let x = MLXArray(2.0)
        let y = exp(x) * 0 + 5
        eval(y)
        #expect(y.item(Float.self) == 5)
    }

    @Test("functions run over all elements")
    func functions() {
        let x = MLXArray([0, 1, 4] as [Float])
        #expect(sqrt(x).asArray(Float.self) == [0, 1, 2])
        #expect(exp(zeros([2])).asArray(Float.self) == [1, 1])
        #expect(maximum(x, 1).asArray(Float.self) == [1, 1, 4])
        #expect(which(x .> 0, x, -1).asArray(Float.self) == [-1, 1, 4])
    }

    @Test("reductions make one element of many")
    func reductions() {
        let x = MLXArray([1, 2, 3, 4], [2, 2])
        #expect(x.sum().item(Int.self) == 10)
        #expect(x.sum(axis: 0).asArray(Int32.self) == [4, 6])
        #expect(x.max(axis: 1).asArray(Int32.self) == [2, 4])
        #expect(x.mean().item(Float.self) == 2.5)
        #expect(argMax(x).item(Int.self) == 3)
    }

    @Test("an array takes another shape without a copy")
    func shapes() {
        let x = arange(6).reshaped([2, 3])
        #expect(x.T.shape == [3, 2])
        #expect(x.T.asArray(Int32.self) == [0, 3, 1, 4, 2, 5])
        #expect(x.flattened().shape == [6])
        #expect(concatenated([x, x], axis: 0).shape == [4, 3])
        #expect(stacked([x, x]).shape == [2, 2, 3])
        #expect(split(x, parts: 3, axis: 1).map(\.shape) == [[2, 1], [2, 1], [2, 1]])
    }

    @Test("matrices are multiplied")
    func products() {
        let a = MLXArray([1, 2, 3, 4] as [Float], [2, 2])
        let b = MLXArray([5, 6, 7, 8] as [Float], [2, 2])
        #expect(matmul(a, b).asArray(Float.self) == [19, 22, 43, 50])
        #expect(a.matmul(MLXArray([1, 1] as [Float])).asArray(Float.self) == [3, 7])
    }

    @Test("elements are picked by indices")
    func picking() {
        let x = MLXArray([10, 20, 30, 40])
        #expect(take(x, MLXArray([3, 0])).asArray(Int32.self) == [40, 10])
        let rows = MLXArray([1, 2, 3, 4], [2, 2])
        let picked = takeAlong(rows, MLXArray([1, 0], [2, 1]), axis: 1)
        #expect(picked.asArray(Int32.self) == [2, 3])
    }

    @Test("an array is a handle: an assignment in place is seen under all its names")
    func handles() {
        var x = MLXArray([1, 2])
        let same = x
        x += 1
        #expect(same.asArray(Int32.self) == [2, 3])
        x = x + 1
        #expect(same.asArray(Int32.self) == [2, 3])
        #expect(x.asArray(Int32.self) == [3, 4])
    }

    @Test("a function has a gradient")
    func gradients() {
        let slope = grad { (x: MLXArray) in x * x * x }
        #expect(slope(MLXArray(2.0)).item(Float.self) == 12)
        let curvature = grad(slope)
        #expect(curvature(MLXArray(2.0)).item(Float.self) == 12)
    }

    @Test("a loss falls along its gradient")
    func descent() {
        let inputs = MLXRandom.normal([64, 3], key: MLXRandom.key(1))
        let wanted = matmul(inputs, MLXArray([1, -2, 3] as [Float]))
        func loss(_ arguments: [MLXArray]) -> [MLXArray] {
            [square(matmul(inputs, arguments[0]) - wanted).mean()]
        }
        let step = valueAndGrad(loss)
        let weights = zeros([3])
        for _ in 0..<200 {
            let (_, gradients) = step([weights])
            weights._updateInternal(weights - 0.1 * gradients[0])
            eval(weights)
        }
        #expect(allClose(weights, MLXArray([1, -2, 3] as [Float]), atol: 1e-3).item(Bool.self))
    }

    @Test("the same key gives the same random numbers")
    func randomness() {
        let key = MLXRandom.key(42)
        let a = MLXRandom.uniform(0..<1, [4], key: key)
        let b = MLXRandom.uniform(0..<1, [4], key: key)
        #expect(arrayEqual(a, b).item(Bool.self))
        let (first, second) = MLXRandom.split(key: key)
        #expect(!arrayEqual(first, second).item(Bool.self))
    }

    @Test("a mistake is caught where the program wants to hear of it")
    func mistakes() {
        #expect(throws: MLXError.self) { try withError { zeros([2, 5]) + zeros([3, 5]) } }
    }
}
