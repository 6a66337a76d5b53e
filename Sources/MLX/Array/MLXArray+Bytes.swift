extension MLXArray {
    /// The memory of the computed array; zeros where the computation failed and somebody has handled
    /// the error.
    var tensor: Tensor {
        eval()
        if let tensor = value.tensor { return tensor }
        let placeholder = Tensor(spec)
        placeholder.clear(on: .shared)
        return placeholder
    }

    /// The elements in row-major order, converted to a type.
    public func asArray<T: HasDType>(_ type: T.Type) -> [T] {
        let source = dtype == T.dtype ? self : asType(T.dtype)
        return withBytes(source) { Array($0.bindMemory(to: T.self)) }
    }

    /// The only element, converted to a type; traps if there are more.
    public func item<T: HasDType>() -> T { item(T.self) }

    /// The only element, converted to a type; traps if there are more.
    public func item<T: HasDType>(_ type: T.Type) -> T {
        precondition(size == 1, "item() of an array with \(size) elements")
        return asArray(type)[0]
    }
}

/// Hands out an array's elements, computed and in row-major order, as bytes.
package func withBytes<R>(
    _ array: MLXArray, _ body: (UnsafeRawBufferPointer) throws -> R
) rethrows -> R {
    let tensor = array.tensor.contiguous(on: .shared)
    let bytes = UnsafeRawBufferPointer(
        start: tensor.address, count: tensor.count * tensor.dtype.size)
    return try withExtendedLifetime(tensor.storage) { try body(bytes) }
}
