// The arrays made of nothing as static functions: each forwards to the free function of its name.

extension MLXArray {
    /// See ``MLX/zeros(_:type:)``.
    public static func zeros(
        _ shape: some Collection<Int>, type: (some HasDType).Type = Float.self,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.zeros(shape, type: type)
    }

    /// See ``MLX/zeros(_:dtype:)``.
    public static func zeros(
        _ shape: some Collection<Int>, dtype: DType, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.zeros(shape, dtype: dtype)
    }

    /// See ``MLX/zeros(like:)``.
    public static func zeros(like array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.zeros(like: array)
    }

    /// See ``MLX/ones(_:type:)``.
    public static func ones(
        _ shape: some Collection<Int>, type: (some HasDType).Type = Float.self,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.ones(shape, type: type)
    }

    /// See ``MLX/ones(_:dtype:)``.
    public static func ones(
        _ shape: some Collection<Int>, dtype: DType, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.ones(shape, dtype: dtype)
    }

    /// See ``MLX/ones(like:)``.
    public static func ones(like array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.ones(like: array)
    }

    /// See ``MLX/eye(_:m:k:type:)``.
    public static func eye(
        _ n: Int, m: Int? = nil, k: Int = 0, type: (some HasDType).Type = Float.self,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.eye(n, m: m, k: k, type: type)
    }

    /// See ``MLX/eye(_:m:k:dtype:)``.
    public static func eye(
        _ n: Int, m: Int? = nil, k: Int = 0, dtype: DType, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.eye(n, m: m, k: k, dtype: dtype)
    }

    /// See ``MLX/full(_:values:type:)``.
    public static func full(
        _ shape: some Collection<Int>, values: MLXArray, type: (some HasDType).Type = Float.self,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.full(shape, values: values, type: type)
    }

    /// See ``MLX/full(_:values:dtype:)``.
    public static func full(
        _ shape: some Collection<Int>, values: MLXArray, dtype: DType,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.full(shape, values: values, dtype: dtype)
    }

    /// See ``MLX/full(_:values:)``.
    public static func full(
        _ shape: some Collection<Int>, values: MLXArray, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.full(shape, values: values)
    }

    /// See ``MLX/identity(_:type:)``.
    public static func identity(
        _ n: Int, type: (some HasDType).Type = Float.self, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.identity(n, type: type)
    }

    /// See ``MLX/identity(_:dtype:)``.
    public static func identity(_ n: Int, dtype: DType, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.identity(n, dtype: dtype)
    }

    /// See ``MLX/tri(_:m:k:type:)``.
    public static func tri(
        _ n: Int, m: Int? = nil, k: Int = 0, type: (some HasDType).Type = Float.self,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.tri(n, m: m, k: k, type: type)
    }

    /// See ``MLX/tri(_:m:k:dtype:)``.
    public static func tri(
        _ n: Int, m: Int? = nil, k: Int = 0, dtype: DType, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.tri(n, m: m, k: k, dtype: dtype)
    }

    /// See ``MLX/linspace(_:_:count:)``.
    public static func linspace<T: HasDType>(
        _ start: T, _ stop: T, count: Int = 50, stream: StreamOrDevice = .default
    ) -> MLXArray
    where T: BinaryInteger {
        MLX.linspace(start, stop, count: count)
    }

    /// See ``MLX/linspace(_:_:count:)``.
    public static func linspace<T: HasDType>(
        _ start: T, _ stop: T, count: Int = 50, stream: StreamOrDevice = .default
    ) -> MLXArray
    where T: BinaryFloatingPoint {
        MLX.linspace(start, stop, count: count)
    }

    /// See ``MLX/arange(_:)``.
    public static func arange(_ stop: Int, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.arange(stop)
    }

    /// See ``MLX/arange(_:_:step:)``.
    public static func arange(
        _ start: Int, _ stop: Int, step: Int = 1, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.arange(start, stop, step: step)
    }

    /// See ``MLX/arange(_:dtype:)``.
    public static func arange(_ stop: Int, dtype: DType, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.arange(stop, dtype: dtype)
    }

    /// See ``MLX/arange(_:_:step:dtype:)``.
    public static func arange(
        _ start: Int, _ stop: Int, step: Int = 1, dtype: DType, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.arange(start, stop, step: step, dtype: dtype)
    }

    /// See ``MLX/arange(_:dtype:)``.
    public static func arange(
        _ stop: Double, dtype: DType = .float32, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.arange(stop, dtype: dtype)
    }

    /// See ``MLX/arange(_:_:step:dtype:)``.
    public static func arange(
        _ start: Double, _ stop: Double, step: Double = 1, dtype: DType = .float32,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.arange(start, stop, step: step, dtype: dtype)
    }

    /// See ``MLX/repeated(_:count:axis:)``.
    public static func repeated(
        _ array: MLXArray, count: Int, axis: Int, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.repeated(array, count: count, axis: axis)
    }

    /// See ``MLX/repeated(_:count:)``.
    public static func repeated(_ array: MLXArray, count: Int, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.repeated(array, count: count)
    }

    /// See ``MLX/repeated(_:count:axis:)``.
    @available(*, deprecated, renamed: "repeated(_:count:axis:)")
    public static func `repeat`(_ array: MLXArray, count: Int, axis: Int) -> MLXArray {
        MLX.repeated(array, count: count, axis: axis)
    }

    /// See ``MLX/repeated(_:count:)``.
    @available(*, deprecated, renamed: "repeated(_:count:)")
    public static func `repeat`(_ array: MLXArray, count: Int) -> MLXArray {
        MLX.repeated(array, count: count)
    }
}
