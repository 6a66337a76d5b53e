import MLX

/// The elements in row-major order; a complex one gives two numbers.
package func numbers(_ array: MLXArray) -> [Double] {
    guard array.dtype == .complex64 else { return array.asType(.float64).asArray(Double.self) }
    return withBytes(array) { $0.bindMemory(to: Float.self).map { Double($0) } }
}

/// The bytes of the elements in row-major order.
package func bits(_ array: MLXArray) -> [UInt8] { withBytes(array) { Array($0) } }

/// What keeps an array from being the expected numbers; nil if nothing does.
package func difference(
    _ array: MLXArray, _ expected: [Double], _ tolerance: Tolerance
) -> String? {
    let values = numbers(array)
    if values.count != expected.count {
        return "\(values.count) elements instead of \(expected.count)"
    }
    let wrong = values.indices.filter { !tolerance.accepts(values[$0], expected[$0]) }
    guard let first = wrong.first else { return nil }
    return "\(wrong.count) of \(values.count) elements differ, the first at \(first): "
        + "\(values[first]) instead of \(expected[first])"
}

/// What keeps an array from being another one within the tolerance; nil if nothing does.
package func difference(
    _ array: MLXArray, _ expected: MLXArray, _ tolerance: Tolerance? = nil
) -> String? {
    if array.shape != expected.shape { return "shape \(array.shape) instead of \(expected.shape)" }
    if array.dtype != expected.dtype { return "\(array.dtype) instead of \(expected.dtype)" }
    return difference(array, numbers(expected), tolerance ?? .of(expected.dtype))
}

/// What keeps an array from being another one in every bit; nil if nothing does.
package func bitDifference(_ array: MLXArray, _ expected: MLXArray) -> String? {
    if array.shape != expected.shape { return "shape \(array.shape) instead of \(expected.shape)" }
    if array.dtype != expected.dtype { return "\(array.dtype) instead of \(expected.dtype)" }
    if bits(array) == bits(expected) { return nil }
    return difference(array, expected, .exact) ?? "equal numbers of different bits"
}
