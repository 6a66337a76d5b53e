import CKernels
import Glibc

extension MLXArray {
    /// Whether the array picks elements by its truth values when it stands in a subscript.
    var isMask: Bool { dtype == .bool }
}

/// The operations with every boolean array replaced by index arrays for the axes it stands for;
/// computes the masks.
func withoutMasks(
    _ operations: [MLXArrayIndexOperation], _ shape: [Int]
) throws(MLXError) -> [MLXArrayIndexOperation] {
    guard operations.contains(where: { $0.maskRank != nil }) else { return operations }
    let used = operations.reduce(0) { $0 + $1.axisCount }
    guard used <= shape.count else {
        throw .caught("[index] indices for \(used) axes of an array of shape \(shape)")
    }
    var result: [MLXArrayIndexOperation] = []
    var axis = 0
    for operation in operations {
        let next = axis + (operation.isEllipsis ? shape.count - used : operation.axisCount)
        if case .array(let mask) = operation, mask.isMask {
            guard mask.ndim > 0, mask.shape == Array(shape[axis..<next]) else {
                throw .caught(
                    "[index] a mask of shape \(mask.shape) for axes \(axis)..<\(next) of shape \(shape)"
                )
            }
            result += positions(of: mask).map { .array($0) }
        } else {
            result.append(operation)
        }
        axis = next
    }
    return result
}

extension MLXArrayIndexOperation {
    /// The axes of a mask; nil for another operation.
    fileprivate var maskRank: Int? {
        if case .array(let mask) = self, mask.isMask { mask.ndim } else { nil }
    }

    /// How many axes the operation names a part of.
    fileprivate var axisCount: Int { isEllipsis || isNewAxis ? 0 : maskRank ?? 1 }
}

/// Where a mask is true: for each of its axes the indices, in row-major order.
private func positions(of mask: MLXArray) -> [MLXArray] {
    let found = withBytes(mask) { bytes -> MLXArray in
        let room = Tensor(Spec([bytes.count], .int64))
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else {
            return MLXArray(Tensor(Spec([0], .int64)))
        }
        let count = ck_nonzero(room.address.as(Int64.self), base, bytes.count)
        let result = Tensor(Spec([count], .int64))
        memcpy(result.address, room.address, count * DType.int64.size)
        return MLXArray(result)
    }
    if mask.ndim == 1 { return [found] }
    let steps = Layout.rowStrides(mask.shape)
    return mask.shape.indices.map { axis in
        let outer = axis == 0 ? found : found % (steps[axis] * mask.dim(axis))
        return floorDivide(outer, steps[axis])
    }
}
