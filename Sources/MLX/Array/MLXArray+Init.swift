import CKernels
import ComplexModule

extension MLXArray {
    /// An array of shape `[]` with an integer or float, converted to a type.
    static func scalar<T>(_ value: T, dtype: DType) -> MLXArray where T: HasDType {
        let tensor = Tensor(Spec([], dtype))
        let convert = Kernels.convert(from: T.dtype, to: dtype)
        [value].withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { convert(tensor.address, base, 1) }
        }
        return MLXArray(tensor)
    }

    /// A scalar of type int32; traps beyond its range.
    public convenience init(_ value: Int) {
        self.init(Self.scalar(Int32(value), dtype: .int32).value)
    }

    /// A scalar of type int64.
    public convenience init(int64 value: Int) {
        self.init(Self.scalar(value, dtype: .int64).value)
    }

    /// A scalar of the value's type; a `Double` becomes float32 unless it is too large for that.
    public convenience init<T: HasDType>(_ value: T) {
        var dtype = T.dtype
        if let value = value as? Double,
            !value.isFinite || value.magnitude <= Double(Float.greatestFiniteMagnitude)
        {
            dtype = .float32
        }
        self.init(Self.scalar(value, dtype: dtype).value)
    }

    /// A scalar of type float64.
    public convenience init(float64 value: Double) {
        self.init(Self.scalar(value, dtype: .float64).value)
    }

    /// A scalar of type bfloat16.
    public convenience init(bfloat16 value: Float32) {
        self.init(Self.scalar(value, dtype: .bfloat16).value)
    }

    /// A scalar of a given type.
    public convenience init<T: HasDType>(_ value: T, dtype: DType) {
        self.init(Self.scalar(value, dtype: dtype).value)
    }

    /// The elements in row-major order; one axis unless a shape is given, whose size must be the
    /// number of elements.
    public convenience init<T: HasDType>(
        _ value: [T], _ shape: (some Collection<Int>)? = [Int]?.none
    ) {
        self.init(value.withUnsafeBytes { Self.copied($0, shape.map { Array($0) }, T.dtype) })
    }

    /// Integers as int32; traps beyond its range.
    public convenience init(_ value: [Int], _ shape: (some Collection<Int>)? = [Int]?.none) {
        self.init(value.map { Int32($0) }, shape)
    }

    /// Integers as int64.
    public convenience init(int64 value: [Int], _ shape: (some Collection<Int>)? = [Int]?.none) {
        self.init(value.map { Int64($0) }, shape)
    }

    /// Doubles as float32.
    public convenience init(
        converting value: [Double], _ shape: (some Collection<Int>)? = [Int]?.none
    ) {
        self.init(value.map { Float($0) }, shape)
    }

    /// The elements of a sequence in order.
    public convenience init<S: Sequence>(
        _ sequence: S, _ shape: (some Collection<Int>)? = [Int]?.none
    )
    where S.Element: HasDType {
        if let integers = Array(sequence) as? [Int] {
            self.init(integers, shape)
        } else {
            self.init(Array(sequence), shape)
        }
    }

    /// A copy of the elements that a pointer leads to.
    public convenience init<T: HasDType>(
        _ ptr: UnsafeBufferPointer<T>, _ shape: (some Collection<Int>)? = [Int]?.none
    ) {
        self.init(Self.copied(UnsafeRawBufferPointer(ptr), shape.map { Array($0) }, T.dtype))
    }

    /// A copy of the elements that a pointer leads to.
    public convenience init(
        _ ptr: UnsafeRawBufferPointer, _ shape: (some Collection<Int>)? = [Int]?.none,
        type: (some HasDType).Type
    ) {
        self.init(Self.copied(ptr, shape.map { Array($0) }, type.dtype))
    }

    /// Somebody else's memory as an array without a copy; `finalizer` is called when it is no longer
    /// needed.
    public convenience init(
        rawPointer: UnsafeMutableRawPointer, _ shape: (some Collection<Int>)? = [Int]?.none,
        dtype: DType, finalizer: @escaping () -> Void
    ) {
        let shape = shape.map { Array($0) } ?? [1]
        let storage = Storage(
            address: rawPointer, byteCount: Spec(shape, dtype).byteCount, finalizer: finalizer)
        self.init(Tensor(storage: storage, layout: Layout(contiguous: shape), dtype: dtype))
    }

    /// A complex scalar.
    public convenience init(real: Float, imaginary: Float) {
        self.init(Complex(real, imaginary))
    }

    private static func copied(_ bytes: UnsafeRawBufferPointer, _ shape: [Int]?, _ dtype: DType)
        -> Tensor
    {
        let count = bytes.count / dtype.size
        let spec = Spec(shape ?? [count], dtype)
        precondition(spec.count == count, "\(count) elements do not fill shape \(spec.shape)")
        let tensor = Tensor(spec)
        if let base = bytes.baseAddress {
            tensor.address.copyMemory(from: base, byteCount: bytes.count)
        }
        return tensor
    }
}

extension MLXArray: ExpressibleByArrayLiteral {
    /// Integers as int32.
    public convenience init(arrayLiteral elements: Int32...) { self.init(elements) }
}

/// A scalar of an array's type, which broadcasts to its shape.
func constant(_ value: Double, like array: MLXArray) -> MLXArray {
    Numbers.array(value, array.dtype)
}

/// An array made by filling its memory, row-major.
package func makeArray(
    shape: [Int], dtype: DType, _ fill: (UnsafeMutableRawBufferPointer) throws -> Void
) rethrows -> MLXArray {
    let tensor = Tensor(Spec(shape, dtype))
    try fill(UnsafeMutableRawBufferPointer(start: tensor.address, count: tensor.count * dtype.size))
    return MLXArray(tensor)
}
