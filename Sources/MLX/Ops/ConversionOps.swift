extension MLXArray {
    /// The elements in another type; the array itself if it has that type.
    public func asType(_ type: DType) -> MLXArray {
        type == dtype ? self : MLXArray.apply(AsType(target: type), [self])
    }

    /// The elements in another type; the array itself if it has that type.
    public func asType(_ type: (some HasDType).Type) -> MLXArray { asType(type.dtype) }
}
