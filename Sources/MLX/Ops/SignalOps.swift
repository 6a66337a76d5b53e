/// How much of a convolution ``convolve(_:_:mode:)`` gives.
public enum ConvolveMode: Sendable {
    /// Every place where the two overlap.
    case full
    /// The places where the shorter lies within the longer.
    case valid
    /// The middle of ``full``, as long as the longer one.
    case same
}

/// The convolution of two vectors.
public func convolve(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, mode: ConvolveMode = .full,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let (first, second) = toArrays(a, b)
    guard first.ndim == 1, second.ndim == 1, first.size > 0, second.size > 0 else {
        ErrorHandler.report(
            .caught(
                "[convolve] needs two vectors with elements, got shapes \(first.shape) and \(second.shape)"
            ))
        return first
    }
    let (long, short) = first.size < second.size ? (second, first) : (first, second)
    let before: Int
    let behind: Int
    switch mode {
    case .full: (before, behind) = (short.size - 1, short.size - 1)
    case .valid: (before, behind) = (0, 0)
    case .same: (before, behind) = (short.size / 2, (short.size - 1) / 2)
    }
    let result = convGeneral(
        reshaped(long, [1, long.size, 1]), reshaped(short, [1, short.size, 1]),
        padding: (before, behind), flip: true)
    return reshaped(result, [result.size])
}

/// Bartlett's window of `m` numbers: a triangle from 0 to 0.
public func bartlett(_ m: Int, stream: StreamOrDevice = .default) -> MLXArray {
    window(m) { 1 - abs($0 * 2 - 1) }
}

/// Blackman's window of `m` numbers.
public func blackman(_ m: Int, stream: StreamOrDevice = .default) -> MLXArray {
    window(m) { 0.42 - cos($0 * (2 * Double.pi)) * 0.5 + cos($0 * (4 * Double.pi)) * 0.08 }
}

/// Hamming's window of `m` numbers.
public func hamming(_ m: Int, stream: StreamOrDevice = .default) -> MLXArray {
    window(m) { 0.54 - cos($0 * (2 * Double.pi)) * 0.46 }
}

/// Hann's window of `m` numbers.
public func hanning(_ m: Int, stream: StreamOrDevice = .default) -> MLXArray {
    window(m) { 0.5 - cos($0 * (2 * Double.pi)) * 0.5 }
}

/// A function of the places from 0 to 1, computed in float64 and rounded to float32; 1 at a single
/// place.
private func window(_ m: Int, _ function: (MLXArray) -> MLXArray) -> MLXArray {
    if m < 1 { return zeros([0]) }
    if m == 1 { return ones([1]) }
    return function(arange(0, Double(m), dtype: .float64) / Double(m - 1)).asType(.float32)
}
