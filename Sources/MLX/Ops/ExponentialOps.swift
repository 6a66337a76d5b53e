/// The exponential of every element.
public func exp(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Exp(), a.asType(a.dtype.atLeastFloat))
}

/// exp(a) − 1, exact near zero.
public func expm1(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Expm1(), a.asType(a.dtype.atLeastFloat))
}

/// The natural logarithm of every element.
public func log(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Log(), a.asType(a.dtype.atLeastFloat))
}

/// log(1 + a), exact near zero.
public func log1p(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Log1p(), a.asType(a.dtype.atLeastFloat))
}

/// The logarithm to base 2 of every element.
public func log2(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Log2(), a.asType(a.dtype.atLeastFloat))
}

/// The logarithm to base 10 of every element.
public func log10(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Log10(), a.asType(a.dtype.atLeastFloat))
}

/// The square root of every element.
public func sqrt(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Sqrt(), a.asType(a.dtype.atLeastFloat))
}

/// 1 over the square root of every element.
public func rsqrt(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Rsqrt(), a.asType(a.dtype.atLeastFloat))
}

/// The sine of every element, in radians.
public func sin(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Sin(), a.asType(a.dtype.atLeastFloat))
}

/// The cosine of every element, in radians.
public func cos(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Cos(), a.asType(a.dtype.atLeastFloat))
}

/// The tangent of every element, in radians.
public func tan(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Tan(), a.asType(a.dtype.atLeastFloat))
}

/// The hyperbolic sine of every element.
public func sinh(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Sinh(), a.asType(a.dtype.atLeastFloat))
}

/// The hyperbolic cosine of every element.
public func cosh(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Cosh(), a.asType(a.dtype.atLeastFloat))
}

/// The hyperbolic tangent of every element.
public func tanh(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Tanh(), a.asType(a.dtype.atLeastFloat))
}

/// The inverse sine of every element, in radians.
public func asin(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Asin(), a.asType(a.dtype.atLeastFloat))
}

/// The inverse cosine of every element, in radians.
public func acos(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Acos(), a.asType(a.dtype.atLeastFloat))
}

/// The inverse tangent of every element, in radians.
public func atan(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Atan(), a.asType(a.dtype.atLeastFloat))
}

/// The inverse hyperbolic sine of every element.
public func asinh(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Asinh(), a.asType(a.dtype.atLeastFloat))
}

/// The inverse hyperbolic cosine of every element.
public func acosh(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Acosh(), a.asType(a.dtype.atLeastFloat))
}

/// The inverse hyperbolic tangent of every element.
public func atanh(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Atanh(), a.asType(a.dtype.atLeastFloat))
}

/// 1 / (1 + exp(−a)) for every element.
public func sigmoid(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Sigmoid(), a.asType(a.dtype.atLeastFloat))
}

/// x · (1 + erf(x / √2)) / 2
package func geluErf(_ a: MLXArray) -> MLXArray {
    MLXArray.apply(Gelu(), [a.asType(a.dtype.atLeastFloat)])
}

/// x · (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
package func geluTanh(_ a: MLXArray) -> MLXArray {
    MLXArray.apply(GeluTanh(), [a.asType(a.dtype.atLeastFloat)])
}

/// The error function of every element.
public func erf(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Erf(), a.asType(a.dtype.atLeastFloat))
}

/// The inverse of the error function, for elements between −1 and 1.
public func erfInverse(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(ErfInverse(), a.asType(a.dtype.atLeastFloat))
}

/// log(exp(a) + exp(b)) without overflow. Shapes broadcast, types promote.
public func logAddExp(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    let (a, b) = toArrays(a, b)
    guard a.dtype.isComplex || b.dtype.isComplex else {
        return elementwiseFloat(LogAddExp(), a, b)
    }
    let largest = maximum(a, b)
    return largest + log1p(exp(minimum(a, b) - largest))
}
