/// Replaces the elements of an array that the operations of a subscript name, under all names of the
/// array; an error leaves it as it was.
func assign(
    _ update: MLXArray, to array: MLXArray, _ operations: [MLXArrayIndexOperation]
) {
    do throws(MLXError) {
        if let replaced = masked(array, operations, update) {
            array._updateInternal(replaced)
        } else {
            array._updateInternal(try Subscript(array, operations).joined(update, .set))
        }
    } catch {
        ErrorHandler.report(error)
    }
}

/// The array with the update where one mask is true, or nil where there is more than a mask or the
/// update has an element for each true one; needs no look at the mask's values.
private func masked(
    _ array: MLXArray, _ operations: [MLXArrayIndexOperation], _ update: MLXArray
) -> MLXArray? {
    guard operations.count == 1, case .array(let mask) = operations[0], mask.isMask,
        mask.shape == Array(array.shape.prefix(mask.ndim))
    else { return nil }
    let row = withoutLeadingOnes(update)
    let behind = Array(array.shape.dropFirst(mask.ndim))
    guard row.ndim <= behind.count, broadcastShape([row.shape, behind]) == behind else {
        return nil
    }
    let isReplaced = reshaped(mask, mask.shape + behind.map { _ in 1 })
    return which(isReplaced, row.asType(array.dtype), array)
}

private func withoutLeadingOnes(_ array: MLXArray) -> MLXArray {
    reshaped(array, Array(array.shape.drop { $0 == 1 }))
}

extension Subscript {
    /// The array with updates joined to the elements that the subscript names.
    func joined(
        _ update: MLXArray, _ reduction: Scatter.Reduction
    ) throws(MLXError) -> MLXArray {
        let slice = Slice(starts: starts, steps: steps, sizes: sizes)
        let isWhole = sizes == array.shape && steps.allSatisfy { $0 == 1 }
        if gathers.isEmpty {
            var part = reshaped(try fitted(update, to: shape([])), sizes)
            if reduction != .set {
                part = reduction.joined(MLXArray.apply(slice, [array]), part)
            }
            return MLXArray.apply(SliceUpdate(slice: slice), [array, part])
        }
        if isWhole { return try scattered(into: array, update, reduction) }
        let part = try scattered(into: MLXArray.apply(slice, [array]), update, reduction)
        return MLXArray.apply(SliceUpdate(slice: slice), [array, part])
    }

    /// The sliced part of the array with updates joined where the index arrays say.
    private func scattered(
        into part: MLXArray, _ update: MLXArray, _ reduction: Scatter.Reduction
    ) throws(MLXError) -> MLXArray {
        let indices = try indices()
        let update = try fitted(update, to: shape(indices.shape))
        let compact = reshaped(part, kept.map { sizes[$0] })
        let (axes, position) = (gatheredAxes, gatheredPosition)
        var block = compact.shape.indices.filter { !axes.contains($0) }.map { compact.dim($0) }
        block.insert(contentsOf: indices.shape, at: position)
        let rows = reshaped(update, block)
        if axes.count == 1 {
            let places = Array(position..<position + indices.ndim)
            let scatter = Scatter(axis: axes[0], reduction: reduction)
            let moved = moved(rows, places, to: axes[0])
            return reshaped(MLXArray.apply(scatter, [compact, indices, moved]), sizes)
        }
        let together = moved(compact, axes, to: position)
        var joined = together.shape
        let count = axes.reduce(1) { $0 * compact.dim($1) }
        joined.replaceSubrange(position..<position + axes.count, with: [count])
        let scatter = Scatter(axis: position, reduction: reduction)
        let result = MLXArray.apply(scatter, [reshaped(together, joined), indices, rows])
        let apart = reshaped(result, together.shape)
        return reshaped(moved(apart, from: position, to: axes), sizes)
    }

    /// The opposite of ``moved(_:_:to:)``.
    private func moved(_ array: MLXArray, from position: Int, to axes: [Int]) -> MLXArray {
        var order = (0..<array.ndim).filter { !(position..<position + axes.count ~= $0) }
        for (offset, axis) in axes.enumerated() { order.insert(position + offset, at: axis) }
        return order == Array(0..<array.ndim) ? array : transposed(array, axes: order)
    }

    /// The update in the array's type, stretched to the shape that the subscript names.
    private func fitted(_ update: MLXArray, to shape: [Int]) throws(MLXError) -> MLXArray {
        let update = withoutLeadingOnes(update.asType(array.dtype))
        guard broadcastShape([update.shape, shape]) == shape else {
            throw .caught(
                "[index] an update of shape \(update.shape) does not fit elements of shape \(shape)"
            )
        }
        return broadcast(update, to: shape)
    }
}

extension Scatter.Reduction {
    /// The join of two arrays of one shape and type.
    fileprivate func joined(_ array: MLXArray, _ update: MLXArray) -> MLXArray {
        switch self {
        case .set: update
        case .add: MLX.add(array, update)
        case .multiply: MLX.multiply(array, update)
        case .minimum: MLX.minimum(array, update)
        case .maximum: MLX.maximum(array, update)
        }
    }
}
