import MLX
import TestSupport
import Testing

@Suite("Gradients of functions")
struct TransformTests {
    private let x = MLXArray([1, 2, 3] as [Float])
    private let y = MLXArray([4, 5, 6] as [Float])

    @Test("are taken by the arguments that are named, in their order")
    func argumentNumbers() {
        func f(_ a: [MLXArray]) -> [MLXArray] { [(a[0] * a[1] * a[1]).sum()] }
        let (values, first) = valueAndGrad(f)([x, y])
        #expect(values[0].item(Float.self) == 16 + 50 + 108)
        #expect(first.map { $0.asArray(Float.self) } == [[16, 25, 36]])
        let both = valueAndGrad(f, argumentNumbers: [1, 0])([x, y]).1
        #expect(both.map { $0.asArray(Float.self) } == [[8, 20, 36], [16, 25, 36]])
        let second = grad({ (a: [MLXArray]) in f(a)[0] }, argumentNumbers: [1])([x, y])
        #expect(second.asArray(Float.self) == [8, 20, 36])
        let list = grad({ (a: [MLXArray]) in f(a) }, argumentNumbers: [0, 1])([x, y])
        #expect(list.count == 2)
    }

    @Test("hand the other outputs through")
    func otherOutputs() {
        let (values, gradients) = valueAndGrad { [$0[0].sum(), exp($0[0]), $0[0] * 2] }([x])
        #expect(values.count == 3)
        #expect(values[2].asArray(Float.self) == [2, 4, 6])
        #expect(gradients[0].asArray(Float.self) == [1, 1, 1])
    }

    @Test("by an argument that does not matter are zeros of its shape and type")
    func unused() {
        let half = ones([2, 2], dtype: .float16)
        let gradients = valueAndGrad({ [$0[0].sum()] }, argumentNumbers: [0, 1])([x, half]).1
        #expect(gradients[1].shape == [2, 2])
        #expect(gradients[1].dtype == .float16)
        #expect(gradients[1].asArray(Float.self) == [0, 0, 0, 0])
        let constant = grad { (_: MLXArray) in MLXArray(1.0) }
        #expect(constant(x).asArray(Float.self) == [0, 0, 0])
    }

    @Test("need a scalar and arguments that are there")
    func refusals() {
        #expect(throws: MLXError.self) { try withError { grad { (x: MLXArray) in x * 2 }(x) } }
        #expect(throws: MLXError.self) {
            try withError { valueAndGrad({ [$0[0].sum()] }, argumentNumbers: [1])([x]) }
        }
        #expect(throws: MLXError.self) {
            try withError { valueAndGrad({ [$0[0].sum()] }, argumentNumbers: [0, 0])([x]) }
        }
        #expect(throws: MLXError.self) {
            try withError { grad { (x: MLXArray) in (x .> 1).sum() }(x) }
        }
        #expect(throws: MLXError.self) {
            try withError { vjp({ [$0[0] * 2] }, primals: [x], cotangents: [ones([2])]) }
        }
    }

    @Test("of a function that gives one element in a shape are taken")
    func singleElement() {
        let gradient = grad { (x: MLXArray) in (x * x).sum(keepDims: true) }(x)
        #expect(gradient.asArray(Float.self) == [2, 4, 6])
    }

    @Test("are weighted by cotangents in a vjp")
    func cotangents() {
        let (outputs, gradients) = vjp(
            { [$0[0] * $0[1], $0[0] + 1] }, primals: [x, y], cotangents: [x, ones([3])])
        #expect(outputs.map { $0.asArray(Float.self) } == [[4, 10, 18], [2, 3, 4]])
        #expect(gradients[0].asArray(Float.self) == [5, 11, 19])
        #expect(gradients[1].asArray(Float.self) == [1, 4, 9])
    }

    @Test("nest to the third order and beyond")
    func nesting() {
        let f = { (x: MLXArray) -> MLXArray in x ** 5 }
        let at = MLXArray(2.0)
        #expect(difference(grad(f)(at), [80], .of(.float32)) == nil)
        #expect(difference(grad(grad(f))(at), [160], .of(.float32)) == nil)
        #expect(difference(grad(grad(grad(f)))(at), [240], .of(.float32)) == nil)
        let fourth = grad(grad(grad(grad { (x: MLXArray) in sin(x) })))
        #expect(difference(fourth(at), [Double(Float(0.9092974))], .of(.float32)) == nil)
    }

    @Test("inside a function see the outer variable as constant, and the outer one sees through")
    func mixedNesting() {
        // d/dx (x · d/dy (x·y²)) = d/dx (2x²y) = 4xy
        let outer = grad { (x: MLXArray) -> MLXArray in
            x * grad { (y: MLXArray) in x * y * y }(MLXArray(3.0))
        }
        #expect(outer(MLXArray(2.0)).item(Float.self) == 24)
    }

    @Test("do not change when an array is computed inside the function")
    func evalInside() {
        let gradient = grad { (x: MLXArray) -> MLXArray in
            let product = exp(y * 0) * x
            product.eval()
            let squares = product * product
            #expect(squares.asArray(Float.self) == [1, 4, 9])
            return squares.sum()
        }
        #expect(gradient(x).asArray(Float.self) == [2, 4, 6])
        let control = grad { (x: MLXArray) -> MLXArray in
            x.sum().item(Float.self) > 5 ? (x * 3).sum() : x.sum()
        }
        #expect(control(x).asArray(Float.self) == [3, 3, 3])
        let twice = grad(
            grad { (x: MLXArray) -> MLXArray in
                let cube = x * x * x
                eval(cube)
                return cube
            })
        #expect(twice(MLXArray(2.0)).item(Float.self) == 12)
    }

    @Test("follow an array that is changed in place")
    func inPlace() {
        let gradient = grad { (x: MLXArray) -> MLXArray in
            var z = x
            z += 1
            // Both are names of one array.
            return (x * z).sum()
        }
        #expect(gradient(x).asArray(Float.self) == [4, 6, 8])
        #expect(x.asArray(Float.self) == [1, 2, 3])
    }

    @Test("leave no trace in arrays that the function keeps")
    func leaks() {
        var kept: MLXArray?
        _ = grad { (x: MLXArray) -> MLXArray in
            kept = x * 2
            return x.sum()
        }(x)
        #expect(kept?.asArray(Float.self) == [2, 4, 6])
    }

    @Test("stop where they are told to")
    func stopping() {
        let gradient = grad { (x: MLXArray) in (x * stopGradient(x)).sum() }(x)
        #expect(gradient.asArray(Float.self) == [1, 2, 3])
        let rounded = grad { (x: MLXArray) in (x + stopGradient(round(x) - x)).sum() }(x)
        #expect(rounded.asArray(Float.self) == [1, 1, 1])
    }

    @Test("at kinks and ties are those of MLX")
    func ties() {
        let zero = MLXArray([0] as [Float])
        #expect(grad { (x: MLXArray) in maximum(x, 0).sum() }(zero).asArray(Float.self) == [0])
        #expect(grad { (x: MLXArray) in maximum(0, x).sum() }(zero).asArray(Float.self) == [1])
        #expect(grad { (x: MLXArray) in minimum(x, 0).sum() }(zero).asArray(Float.self) == [0])
        #expect(grad { (x: MLXArray) in abs(x).sum() }(zero).asArray(Float.self) == [0])
        let equal = MLXArray([3, 1, 3] as [Float])
        #expect(grad { (x: MLXArray) in x.max() }(equal).asArray(Float.self) == [0.5, 0, 0.5])
        #expect(
            grad { (x: MLXArray) in x.min() }(ones([4])).asArray(Float.self) == [
                0.25, 0.25, 0.25, 0.25,
            ])
        #expect(grad { (x: MLXArray) in floor(x).sum() }(x).asArray(Float.self) == [0, 0, 0])
    }

    @Test("keep the type of their argument")
    func types() {
        for dtype in [DType.float16, .bfloat16, .float64] {
            let gradient = grad { (x: MLXArray) in (x.asType(.float32) * 2).sum() }(x.asType(dtype))
            #expect(gradient.dtype == dtype)
            #expect(gradient.asArray(Float.self) == [2, 2, 2])
        }
    }

    @Test("of broadcast arrays add up to their shape")
    func broadcasting() {
        let row = MLXArray([1, 2, 3] as [Float], [1, 3])
        let column = MLXArray([1, 2] as [Float], [2, 1])
        let gradients = valueAndGrad({ [($0[0] * $0[1] + 1).sum()] }, argumentNumbers: [0, 1])([
            row, column,
        ]).1
        #expect(gradients[0].shape == [1, 3] && gradients[0].asArray(Float.self) == [3, 3, 3])
        #expect(gradients[1].shape == [2, 1] && gradients[1].asArray(Float.self) == [6, 6])
    }

    @Test("are computed on several threads at once")
    func threads() {
        concurrently(8) { index in
            let at = MLXArray(Float(index))
            let gradient = grad { (x: MLXArray) -> MLXArray in
                let cube = x * x * x
                cube.eval()
                return cube
            }
            #expect(gradient(at).item(Float.self) == Float(3 * index * index))
        }
    }
}
