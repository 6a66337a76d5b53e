extension MLXArray {
    /// Names elements for an update that counts every index: `a.at[indices].add(1)` adds twice where
    /// an index comes twice, unlike `a[indices] += 1`.
    public var at: ArrayAt { ArrayAt(array: self) }
}

/// What ``MLXArray/at`` gives: takes indices as a subscript of the array does.
public struct ArrayAt {
    let array: MLXArray

    /// The elements that the indices name, for an update.
    public subscript(indices: any MLXArrayIndex..., stream stream: StreamOrDevice = .default)
        -> ArrayAtIndices
    {
        ArrayAtIndices(array: array, operations: indices.map(\.mlxArrayIndexOperation))
    }

    /// The elements that a list of indices names, for an update.
    public subscript(
        indices: some Sequence<any MLXArrayIndex>,
        stream stream: StreamOrDevice = .default
    ) -> ArrayAtIndices {
        ArrayAtIndices(array: array, operations: indices.map(\.mlxArrayIndexOperation))
    }
}

/// Elements of an array, as often as indices name them; each update gives a new array of the same
/// type.
///
/// The values are cast to the array's type and broadcast as in an assignment. Several updates of one
/// element are joined one after the other, in the order of the indices; half types are joined as
/// float32 and rounded at the end.
public struct ArrayAtIndices {
    let array: MLXArray
    let operations: [MLXArrayIndexOperation]

    /// The array with the values added to the elements.
    public func add(_ values: some ScalarOrArray) -> MLXArray { joined(converted(values), .add) }

    /// The array with the values subtracted from the elements.
    public func subtract(_ values: some ScalarOrArray) -> MLXArray {
        joined(negative(converted(values)), .add)
    }

    /// The array with the elements multiplied by the values.
    public func multiply(_ values: some ScalarOrArray) -> MLXArray {
        joined(converted(values), .multiply)
    }

    /// The array with the elements multiplied by 1 over the values; a floating-point array only.
    public func divide(_ values: some ScalarOrArray) -> MLXArray {
        guard array.dtype.isFloatingPoint else {
            ErrorHandler.report(
                .caught(
                    "[divide] \(array.dtype) can't hold quotients: convert the array with asType"))
            return array
        }
        return joined(reciprocal(converted(values)), .multiply)
    }

    /// The array with the smaller of the element and the values; NaN if one of them is.
    public func minimum(_ values: some ScalarOrArray) -> MLXArray {
        joined(converted(values), .minimum)
    }

    /// The array with the larger of the element and the values; NaN if one of them is.
    public func maximum(_ values: some ScalarOrArray) -> MLXArray {
        joined(converted(values), .maximum)
    }

    private func converted(_ values: some ScalarOrArray) -> MLXArray {
        values.asMLXArray(dtype: array.dtype).asType(array.dtype)
    }

    private func joined(_ values: MLXArray, _ reduction: Scatter.Reduction) -> MLXArray {
        do {
            return try Subscript(array, operations).joined(values, reduction)
        } catch {
            ErrorHandler.report(error)
            return array
        }
    }
}
