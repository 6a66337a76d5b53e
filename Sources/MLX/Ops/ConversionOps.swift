extension MLXArray {
    /// The elements in another type; the array itself if it has that type.
    public func asType(_ type: DType, stream: StreamOrDevice = .default) -> MLXArray {
        type == dtype ? self : MLXArray.apply(AsType(target: type), [self])
    }

    /// The elements in another type; the array itself if it has that type.
    public func asType(_ type: (some HasDType).Type, stream: StreamOrDevice = .default) -> MLXArray
    { asType(type.dtype) }
}
