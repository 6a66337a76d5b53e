/// An n-dimensional array, computed when its values are asked for.
///
/// An array is a handle: `let b = a` makes another name of the same array, and assignment through
/// one (`a[0] = …`, `a += …`) is seen through all. It is not `Sendable`.
public final class MLXArray {
    package var value: Node.Value { held }

    // An array belongs to one thread at a time, and no access to what it holds spans another.
    @exclusivity(unchecked) private var held: Node.Value {
        willSet { newValue.node.retainValue() }
        didSet { oldValue.node.releaseValue() }
    }

    init(_ value: Node.Value) {
        held = value
        value.node.retainValue()
    }

    convenience init(_ tensor: Tensor) { self.init(Node(tensor)) }

    /// The first result of a call.
    convenience init(_ node: Node) { self.init(Node.Value(node: node, index: 0)) }

    deinit {
        held.node.releaseValue()
    }

    /// Stands for an array that is not there: float32, without elements.
    public static var mlxNone: MLXArray { MLXArray(Tensor(Spec([0], .float32))) }

    /// Makes this array, under all its names, the other one.
    public func _updateInternal(_ array: MLXArray) {
        held = array.value
    }

    /// Another array with the same value now; later changes of one are not seen through the other.
    package func anotherHandle() -> MLXArray { MLXArray(value) }

    /// Leaves a call with several results, once it is computed, so that this array keeps the memory
    /// of its own result alone.
    func letGoOfOthers() {
        guard held.node.isOfSeveral, value.node.specs.count > 1, value.node.primitive == nil,
            let tensor = value.tensor
        else { return }
        held = Node.Value(node: Node(tensor), index: 0)
    }

    /// Whether both are handles of one result of one call.
    package func isSameValue(as other: MLXArray) -> Bool {
        value.node === other.value.node && value.index == other.value.index
    }

    var spec: Spec { value.spec }

    /// Whether both arrays are of one shape and type.
    @inline(__always)
    func isLike(_ other: MLXArray) -> Bool { held.isLike(other.held) }

    /// The element type.
    public var dtype: DType { value.dtype }

    /// The sizes of the axes.
    public var shape: [Int] { spec.shape }

    /// The number of axes.
    public var ndim: Int { spec.shape.count }

    /// The number of elements.
    public var size: Int { spec.count }

    /// The size of the first axis; traps for an array without axes.
    public var count: Int { dim(0) }

    /// The bytes of one element.
    public var itemSize: Int { dtype.size }

    /// The bytes of all elements.
    public var nbytes: Int { spec.byteCount }

    /// The size of an axis; a negative one counts from the end. Traps for an axis that is not there.
    public func dim(_ dim: Int) -> Int {
        shape[dim < 0 ? dim + ndim : dim]
    }

    /// The shape of an array with two axes; traps for others.
    public var shape2: (Int, Int) {
        precondition(ndim == 2, "shape2 of an array with \(ndim) axes")
        return (shape[0], shape[1])
    }

    /// The shape of an array with three axes; traps for others.
    public var shape3: (Int, Int, Int) {
        precondition(ndim == 3, "shape3 of an array with \(ndim) axes")
        return (shape[0], shape[1], shape[2])
    }

    /// The shape of an array with four axes; traps for others.
    public var shape4: (Int, Int, Int, Int) {
        precondition(ndim == 4, "shape4 of an array with \(ndim) axes")
        return (shape[0], shape[1], shape[2], shape[3])
    }

    /// Computes the values now.
    public func eval() { MLX.eval(self) }
}

/// Something whose arrays a transform may replace.
public protocol Updatable {
    /// The arrays held.
    func innerState() -> [MLXArray]
}

/// Something that ``eval(_:)-(Any...)`` can compute.
public protocol Evaluatable {
    /// The arrays held.
    func innerState() -> [MLXArray]
}

extension MLXArray: Updatable, Evaluatable {
    /// The array itself.
    public func innerState() -> [MLXArray] { [self] }
}

extension [MLXArray] {
    /// The arrays themselves.
    public func innerState() -> [MLXArray] { self }
}

extension MLXArray {
    /// The result of a primitive with one output; refused inputs go to the error handler and give
    /// an empty array.
    package static func apply(_ primitive: some Primitive, _ inputs: [MLXArray]) -> MLXArray {
        do {
            let specs = try primitive.outputs(inputs.map(\.spec))
            return MLXArray(Node(primitive, inputs: Few(inputs, \.value), specs: Few(specs)))
        } catch {
            ErrorHandler.report(error)
            return MLXArray(Tensor(Spec([0], .float32)))
        }
    }

    /// The result of an elementwise primitive, without the lists that other calls need.
    static func apply(_ primitive: some Unary, _ a: MLXArray) -> MLXArray {
        let spec = a.spec
        guard let kernel = primitive.kernel(on: spec.dtype) else { return apply(primitive, [a]) }
        let result = Spec(spec.shape, primitive.result(spec.dtype))
        return MLXArray(Node(primitive, inputs: .one(a.value), spec: result, kernel: kernel))
    }

    /// The result of an elementwise primitive, without the lists that other calls need.
    static func apply(
        _ primitive: some Binary, _ a: consuming Node.Value, _ b: consuming Node.Value
    ) -> MLXArray {
        let dtype = a.dtype
        guard a.isLike(b), let kernel = primitive.kernel(on: dtype) else {
            return apply(primitive, [MLXArray(a), MLXArray(b)])
        }
        var result = a.spec
        result.dtype = primitive.result(dtype)
        return MLXArray(
            Node(primitive, inputs: .two(consume a, consume b), spec: result, kernel: kernel))
    }

    /// The result of a view that keeps the element type, without the lists that other calls need.
    static func viewed(_ a: MLXArray, _ view: some View) -> MLXArray {
        apply(view, a) { (spec) throws(MLXError) in Spec(try view.shape(spec.shape), spec.dtype) }
    }

    /// The result of a reduction, without the lists that other calls need.
    static func reduced(_ a: MLXArray, _ reduction: some Reduction) -> MLXArray {
        apply(reduction, a, reduction.output)
    }

    private static func apply(
        _ primitive: some Primitive, _ a: MLXArray, _ result: (Spec) throws(MLXError) -> Spec
    ) -> MLXArray {
        do {
            let spec = try result(a.spec)
            return MLXArray(Node(primitive, inputs: .one(a.value), spec: spec, kernel: nil))
        } catch {
            ErrorHandler.report(error)
            return MLXArray(Tensor(Spec([0], .float32)))
        }
    }

    /// The results of a primitive; refused inputs go to the error handler and give empty arrays.
    package static func applyAll(
        _ primitive: some Primitive, _ inputs: [MLXArray], placeholders: Int = 1
    ) -> [MLXArray] {
        do {
            let specs = try primitive.outputs(inputs.map(\.spec))
            let node = Node(primitive, inputs: Few(inputs, \.value), specs: Few(specs))
            return specs.indices.map { MLXArray(Node.Value(node: node, index: $0)) }
        } catch {
            ErrorHandler.report(error)
            return (0..<placeholders).map { _ in MLXArray(Tensor(Spec([0], .float32))) }
        }
    }
}
