import MLX

/// The same elements lying differently in memory.
package enum Arrangement: String, CaseIterable, Sendable {
    case transposed, offset, strided

    /// A computed array of the elements, which lie so.
    package func callAsFunction(_ array: MLXArray) -> MLXArray {
        if array.ndim == 0 { return array }
        let result: MLXArray
        switch self {
        case .transposed:
            let turned = copied(array.T)
            result = turned.T
        case .offset:
            let longer = copied(concatenated([array, array, array], axis: 0))
            result = split(longer, indices: [array.dim(0), 2 * array.dim(0)], axis: 0)[1]
        case .strided:
            let pairs = copied(stacked([zeros(like: array), array], axis: -1))
            result = squeezed(split(pairs, indices: [1], axis: -1)[1], axis: -1)
        }
        result.eval()
        return result
    }
}

/// The elements in row-major memory of their own.
package func copied(_ array: MLXArray) -> MLXArray {
    let bytes = bits(array)
    return makeArray(shape: array.shape, dtype: array.dtype) { $0.copyBytes(from: bytes) }
}
