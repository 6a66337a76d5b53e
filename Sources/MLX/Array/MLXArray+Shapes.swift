// Shape operations as methods: each forwards to the free function of its name.

extension MLXArray {
    /// See ``MLX/diag(_:k:)``.
    public func diag(k: Int = 0, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.diag(self, k: k)
    }

    /// See ``MLX/diagonal(_:offset:axis1:axis2:)``.
    public func diagonal(
        offset: Int = 0, axis1: Int = 0, axis2: Int = 1, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.diagonal(self, offset: offset, axis1: axis1, axis2: axis2)
    }

    /// See ``MLX/transposed(_:axis:)``.
    public func transposed(axis: Int, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.transposed(self, axis: axis)
    }

    /// See ``MLX/view(_:dtype:)``.
    public func view(dtype: DType, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.view(self, dtype: dtype)
    }

    /// See ``MLX/contiguous(_:allowColMajor:)``.
    public func contiguous(allowColMajor: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.contiguous(self, allowColMajor: allowColMajor)
    }
}
