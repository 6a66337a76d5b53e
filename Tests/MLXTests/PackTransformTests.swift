import MLX
import TestSupport
import Testing

@Suite("Transforms of functions of any number of arguments")
struct PackTransformTests {
    private let x = MLXArray([1, 2, 3] as [Float])
    private let y = MLXArray([4, 5, 6] as [Float])

    @Test("valueAndGrad gives the gradients in the structure of the arguments")
    func gradients() {
        let f = { (a: MLXArray, parameters: [String: MLXArray], list: [MLXArray]) -> MLXArray in
            let (w, b) = (parameters["w"] ?? a, parameters["b"] ?? a)
            let product = list[0] * list[1]
            return (a * w + b + product).sum()
        }
        let both = valueAndGrad(f)
        let (value, gradients) = both(x, ["w": y, "b": x], [x, y])
        #expect(value.item(Float.self) == 4 + 10 + 18 + 6 + 32)
        #expect(difference(gradients.0, y) == nil)
        #expect(difference(gradients.1["w"] ?? x, x) == nil)
        #expect(difference(gradients.1["b"] ?? x, ones([3])) == nil)
        #expect(difference(gradients.2[0], y) == nil)
        #expect(difference(gradients.2[1], x) == nil)
    }

    @Test("grad of two arguments gives both gradients; of one array the array's")
    func grads() {
        let both = grad { (a: MLXArray, b: MLXArray) -> MLXArray in (a * a * b).sum() }
        let (byA, byB) = both(x, y)
        #expect(difference(byA, 2 * x * y) == nil)
        #expect(difference(byB, x * x) == nil)
        let single = grad { (a: MLXArray) -> MLXArray in (a * a).sum() }
        #expect(difference(single(x), 2 * x) == nil)
    }

    @Test("valueAndGrad by a dictionary hands the other argument through")
    func dictionary() {
        var parameters = NestedDictionary<String, MLXArray>()
        parameters["w"] = .value(x)
        let f = { (parameters: NestedDictionary<String, MLXArray>, power: Int) -> [MLXArray] in
            let w = parameters.flattenedValues()[0]
            return [pow(w, power).sum(), w * 2]
        }
        let both = valueAndGrad(f)
        let (values, gradients) = both(parameters, 3)
        #expect(values[0].item(Float.self) == 36)
        #expect(difference(values[1], x * 2) == nil)
        #expect(difference(gradients.flattenedValues()[0], 3 * x * x) == nil)
    }

    @Test("jvp and vjp go forth and back through structures")
    func directions() {
        let f = { (a: MLXArray, list: [MLXArray]) -> [MLXArray] in [a * list[0], a + list[1]] }
        let (value, tangent) = jvp(
            f, primals: (x, [y, x]), tangents: (ones([3]), [zeros([3]), ones([3])]))
        #expect(difference(value[0], x * y) == nil)
        #expect(difference(tangent[0], y) == nil)
        #expect(difference(tangent[1], 2 * ones([3])) == nil)
        let (again, back) = vjp(f, primals: (x, [y, x]), cotangents: [ones([3]), ones([3])])
        #expect(difference(again[1], 2 * x) == nil)
        #expect(difference(back.0, y + 1) == nil)
        #expect(difference(back.1[0], x) == nil)
    }

    @Test("vmap repeats over the axes of three arguments and gives several results")
    func mapped() {
        let f = { (a: MLXArray, b: [MLXArray], c: MLXArray) -> (MLXArray, MLXArray) in
            ((a * b[0]).sum() + c, a - b[1])
        }
        let rows = arange(6).reshaped(2, 3).asType(.float32)
        let scale = MLXArray([10, 20] as [Float])
        let repeated = vmap(f, inAxes: [0, nil, 0])
        let (sums, differences) = repeated(rows, [x, y], scale)
        #expect(difference(sums, (rows * x).sum(axis: 1) + scale) == nil)
        #expect(difference(differences, rows - y) == nil)
    }
}
