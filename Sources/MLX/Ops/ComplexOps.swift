import ComplexModule

/// Complex numbers with the opposite imaginary part; an array of another type is given back.
public func conjugate(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    array.dtype.isComplex ? MLXArray.apply(Conjugate(), [array]) : array
}

extension MLXArray {
    /// See ``MLX/conjugate(_:)``.
    public func conjugate(stream: StreamOrDevice = .default) -> MLXArray { MLX.conjugate(self) }

    /// The real part of every element as float32.
    public func realPart(stream: StreamOrDevice = .default) -> MLXArray { asType(.float32) }

    /// The imaginary part of every element as float32.
    public func imaginaryPart(stream: StreamOrDevice = .default) -> MLXArray {
        MLXArray.apply(ImaginaryPart(), [asType(.complex64)])
    }

    /// The elements times the imaginary unit, as complex64.
    public func asImaginary(stream: StreamOrDevice = .default) -> MLXArray {
        self * MLXArray(Complex<Float>(0, 1))
    }
}
