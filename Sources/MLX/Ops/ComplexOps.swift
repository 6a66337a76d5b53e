import ComplexModule

/// Complex numbers with the opposite imaginary part; an array of another type is given back.
public func conjugate(_ array: MLXArray) -> MLXArray {
    array.dtype.isComplex ? MLXArray.apply(Conjugate(), [array]) : array
}

extension MLXArray {
    /// See ``MLX/conjugate(_:)``.
    public func conjugate() -> MLXArray { MLX.conjugate(self) }

    /// The real part of every element as float32.
    public func realPart() -> MLXArray { asType(.float32) }

    /// The imaginary part of every element as float32.
    public func imaginaryPart() -> MLXArray {
        MLXArray.apply(ImaginaryPart(), [asType(.complex64)])
    }

    /// The elements times the imaginary unit, as complex64.
    public func asImaginary() -> MLXArray { self * MLXArray(Complex<Float>(0, 1)) }
}
