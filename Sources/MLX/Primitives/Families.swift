/// An elementwise operation on one array.
protocol Unary: Portable {
    /// The kernels by element type.
    static var kernels: Kernels.UnaryTable { get }

    /// The derivative of the result by the input; nil is zero.
    func slope(x: MLXArray, y: MLXArray) -> MLXArray?

    /// A change of the input or the result times the derivative, or its conjugate; nil is zero.
    func scaled(_ change: MLXArray, x: MLXArray, y: MLXArray, conjugated: Bool) -> MLXArray?

    /// The element type of the result.
    func result(_ dtype: DType) -> DType
}

extension Unary {
    package var name: String { lowercasedTypeName(Self.self) }

    func result(_ dtype: DType) -> DType { dtype }

    func scaled(_ change: MLXArray, x: MLXArray, y: MLXArray, conjugated: Bool) -> MLXArray? {
        slope(x: x, y: y).map { change * (conjugated ? conjugate($0) : $0) }
    }

    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard kernel(.one(inputs[0].dtype)) != nil else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        return [Spec(inputs[0].shape, result(inputs[0].dtype))]
    }

    package func kernel(_ inputs: Few<DType>) -> TileKernel? { kernel(on: inputs[0]) }

    /// The kernel on elements of a type.
    func kernel(on dtype: DType) -> TileKernel? {
        let dtype = dtype.computed
        guard let kernel = Self.kernels(dtype.code) else { return nil }
        return TileKernel(body: .unary(kernel), first: dtype, others: dtype, output: result(dtype))
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        // A gradient is the direction of steepest ascent, also in the complex plane.
        let (x, y) = (call.inputs[0], call.output)
        return [scaled(cotangent, x: x, y: y, conjugated: y.dtype.isComplex)]
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil] }
        let (x, y) = (call.inputs[0], call.output)
        return [scaled(tangent, x: x, y: y, conjugated: !y.dtype.isComplex)?.asType(y.dtype)]
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        vmapLeading(inputs, batch)
    }
}

/// An elementwise operation on one array whose derivative is 1 over something.
protocol DividingUnary: Unary {
    /// What the derivative is 1 over.
    func inverseSlope(x: MLXArray, y: MLXArray) -> MLXArray
}

extension DividingUnary {
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { reciprocal(inverseSlope(x: x, y: y)) }

    func scaled(_ change: MLXArray, x: MLXArray, y: MLXArray, conjugated: Bool) -> MLXArray? {
        let inverse = inverseSlope(x: x, y: y)
        return change / (conjugated ? conjugate(inverse) : inverse)
    }
}

/// An input of an elementwise operation on two arrays.
enum Operand {
    case first, second
}

/// An elementwise operation on two arrays of one shape and type.
protocol Binary: Portable {
    /// The kernels by element type.
    static var kernels: Kernels.BinaryTable { get }

    /// The gradient by one of the two inputs, given the result's; nil is zero.
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray?

    /// The tangent of the result, given those of the inputs; nil is zero, and one is given.
    func tangent(_ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?)
        -> MLXArray?

    /// The element type of the result.
    func result(_ dtype: DType) -> DType
}

extension Binary {
    package var name: String { lowercasedTypeName(Self.self) }

    func result(_ dtype: DType) -> DType { dtype }

    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? { nil }

    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (a, b) = (inputs[0], inputs[1])
        guard a == b else { throw refusal("the operands differ: \(a) and \(b)") }
        guard kernel(on: a.dtype) != nil else { throw refusal("not defined for \(a.dtype)") }
        return [Spec(a.shape, result(a.dtype))]
    }

    package func kernel(_ inputs: Few<DType>) -> TileKernel? { kernel(on: inputs[0]) }

    /// The kernel on elements of a type.
    func kernel(on dtype: DType) -> TileKernel? {
        let dtype = dtype.computed
        guard let kernel = Self.kernels(dtype.code) else { return nil }
        return TileKernel(body: .binary(kernel), first: dtype, others: dtype, output: result(dtype))
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let (a, b, y) = (call.inputs[0], call.inputs[1], call.output)
        let dy = conjugate(cotangent)
        func byOperand(_ operand: Operand) -> MLXArray? {
            gradient(by: operand, a, b, y, dy).map { conjugate($0) }
        }
        return [
            call.wanted[0] ? byOperand(.first) : nil, call.wanted[1] ? byOperand(.second) : nil,
        ]
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangent(call.inputs[0], call.inputs[1], call.output, tangents[0], tangents[1])]
    }

    /// What multiplies a cotangent element by element multiplies a tangent so.
    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        sum(
            da.flatMap { gradient(by: .first, a, b, y, $0) },
            db.flatMap { gradient(by: .second, a, b, y, $0) })
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        vmapLeading(inputs, batch)
    }
}

/// An array's memory seen otherwise, without a copy where the strides allow it.
protocol View: LinearPrimitive {
    /// The layout of the result in the input's memory; nil where the strides forbid it.
    func view(_ input: Layout) -> Layout?

    /// The shape of the result; throws for a shape that the view can't be made of.
    func shape(_ input: [Int]) throws(MLXError) -> [Int]

    /// The gradient by the input, given the result's.
    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray
}

extension View {
    package var name: String { lowercasedTypeName(Self.self) }
    package var stepCount: Int { 0 }

    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        [Spec(try shape(inputs[0].shape), inputs[0].dtype)]
    }

    package func alias(_ inputs: [Tensor]) -> [Tensor]? { alias(of: inputs[0]).map { [$0] } }

    package func alias(of input: Tensor) -> Tensor? {
        guard let layout = view(input.layout) else { return nil }
        return Tensor(storage: input.storage, layout: layout, dtype: input.dtype)
    }

    /// Copies, where the strides forbid the view.
    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        StridedCopy(from: inputs[0]).write(to: outputs[0].address, on: workers)
    }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { gradient(call.inputs[0], $0) }]
    }
}

/// The sum of two arrays of which either may be zero, which is nil.
func sum(_ a: MLXArray?, _ b: MLXArray?) -> MLXArray? {
    guard let a else { return b }
    guard let b else { return a }
    return a + b
}

/// The difference of two arrays of which either may be zero, which is nil.
func difference(_ a: MLXArray?, _ b: MLXArray?) -> MLXArray? {
    guard let b else { return a }
    guard let a else { return -b }
    return a - b
}

/// The name of a primitive's type as users call the operation: `LogAddExp` is `logAddExp`.
func lowercasedTypeName(_ type: Any.Type) -> String {
    let name = "\(type)"
    return name.prefix(1).lowercased() + name.dropFirst()
}

// What a call from a file must be: the shape rules look at the rest.
extension Unary {
    package func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}

extension Binary {
    package func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 }
}
