/// The element of `a` where the condition is nonzero, else that of `b`. Shapes broadcast, types
/// promote.
public func which(
    _ condition: some ScalarOrArray, _ a: some ScalarOrArray, _ b: some ScalarOrArray,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let (a, b) = toArrays(a, b)
    let dtype = DType.promoted(a.dtype, b.dtype)
    let condition = condition.asMLXArray(dtype: .bool).asType(.bool)
    let operands = broadcastTogether([condition, a.asType(dtype), b.asType(dtype)])
    let spec = Spec(operands[0].shape, dtype)
    return MLXArray(
        Node(
            Select(), inputs: .many(operands.map(\.value)), spec: spec,
            kernel: Select().kernel(on: dtype)))
}

/// See ``which(_:_:_:)``.
public func `where`(
    _ condition: some ScalarOrArray, _ a: some ScalarOrArray, _ b: some ScalarOrArray,
    stream: StreamOrDevice = .default
) -> MLXArray { which(condition, a, b) }
