import MLX

// The collectives of `mx.distributed` on arrays. They run when they are called, in the order of the
// program, which must be the same on every rank; their inputs are computed first. They have
// derivatives, and are not for functions under `vmap` or `compile`, whose inputs have no values.
//
// A derivative takes what follows a collective to be the same on all ranks, as the loss is: the
// gradient of a sum over ranks is then the gradient of each addend.

/// The sum of an array over the ranks of a group, on every rank.
///
/// Half types are summed as float32 and rounded once; integers wrap; bools are joined by or. An
/// error of communication goes where those of array operations go (``MLX/withError(_:)-(_)``).
public func allSum(_ x: MLXArray, group: Group) -> MLXArray {
    collective(x, group) { x in
        allReduced(x, .sum, group)
    } backward: { _, _, cotangent in
        cotangent
    }
}

/// The largest value of each element over the ranks of a group, on every rank; NaN if one is.
///
/// Its gradient goes to the ranks that have the largest value, in equal parts.
public func allMax(_ x: MLXArray, group: Group) -> MLXArray { extremum(x, .max, group) }

/// The smallest value of each element over the ranks of a group, on every rank; NaN if one is.
///
/// Its gradient goes to the ranks that have the smallest value, in equal parts.
public func allMin(_ x: MLXArray, group: Group) -> MLXArray { extremum(x, .min, group) }

private func extremum(_ x: MLXArray, _ operation: ReduceOperation, _ group: Group) -> MLXArray {
    collective(x, group) { x in
        allReduced(x, operation, group)
    } backward: { x, y, cotangent in
        let isThere = (x .== y).asType(cotangent.dtype)
        return cotangent * isThere / allReduced(isThere, .sum, group)
    }
}

/// The arrays of all ranks one after the other along the first axis: [n, …] gives [size · n, …],
/// and a scalar [size].
///
/// All ranks bring the same shape.
public func allGather(_ x: MLXArray, group: Group) -> MLXArray {
    let shape = x.ndim == 0 ? [1] : x.shape
    return collective(x.reshaped(shape), group) { x in
        gathered(x, group)
    } backward: { x, _, cotangent in
        let count = x.dim(0)
        return cotangent[(group.rank * count)..<((group.rank + 1) * count)]
    }
}

/// This rank's part of the sum of an array over the ranks: [size · n, …] gives [n, …].
///
/// The first axis must be a multiple of the group's size.
public func sumScatter(_ x: MLXArray, group: Group) -> MLXArray {
    precondition(
        x.ndim > 0 && x.dim(0) % group.size == 0,
        "[sumScatter] the first axis must be a multiple of \(group.size): got \(x.shape)")
    let count = x.dim(0) / group.size
    return collective(x, group) { x in
        let sum = allReduced(x, .sum, group)
        return sum[(group.rank * count)..<((group.rank + 1) * count)]
    } backward: { _, _, cotangent in
        gathered(cotangent, group)
    }
}

/// The array of one rank, on every rank; the others give one of its shape and type.
public func broadcast(_ x: MLXArray, root: Int, group: Group) -> MLXArray {
    collective(x, group) { x in
        exchanged(x, shape: x.shape) { input, output throws(DistributedError) in
            output.copyMemory(from: input)
            try group.transport.broadcast(output, root: root)
        }
    } backward: { _, _, cotangent in
        group.rank == root ? cotangent : zeros(like: cotangent)
    }
}

/// Parts of all ranks: with the first axis cut into as many parts as there are ranks, part r of
/// rank s becomes part s of rank r.
///
/// The first axis must be a multiple of the group's size.
public func allToAll(_ x: MLXArray, group: Group) -> MLXArray {
    precondition(
        x.ndim > 0 && x.dim(0) % group.size == 0,
        "[allToAll] the first axis must be a multiple of \(group.size): got \(x.shape)")
    return collective(x, group) { x in
        swapped(x, group)
    } backward: { _, _, cotangent in
        swapped(cotangent, group)
    }
}

/// Sends an array to a rank, which must call ``recv(shape:dtype:from:group:)`` for it; gives the
/// array back.
@discardableResult
public func send(_ x: MLXArray, to target: Int, group: Group) -> MLXArray {
    reporting(x) {
        try withBytes(x) { try group.transport.send($0, to: target) }
        return x
    }
}

/// The array that a rank sends to this one, whose shape and type both know.
public func recv(shape: [Int], dtype: DType, from source: Int, group: Group) -> MLXArray {
    reporting(zeros(shape, dtype: dtype)) {
        try makeArray(shape: shape, dtype: dtype) { try group.transport.receive($0, from: source) }
    }
}

/// The array of the shape and type of `x` that a rank sends to this one.
public func recvLike(_ x: MLXArray, from source: Int, group: Group) -> MLXArray {
    recv(shape: x.shape, dtype: x.dtype, from: source, group: group)
}

/// Returns when every rank of the group has called it.
public func barrier(group: Group) throws(DistributedError) { try group.barrier() }

/// The array itself, whose gradient is summed over the ranks.
///
/// It stands before what each rank does with a part of the weights of its own.
public func sumGradients(_ x: MLXArray, group: Group) -> MLXArray {
    collective(x, group) {
        $0
    } backward: { _, _, cotangent in
        allReduced(cotangent, .sum, group)
    }
}

/// A function of one array with a gradient of its own, given input, output and cotangent.
private func collective(
    _ x: MLXArray, _ group: Group, _ forward: @escaping (MLXArray) -> MLXArray,
    backward: @escaping (MLXArray, MLXArray, MLXArray) -> MLXArray
) -> MLXArray {
    guard group.size > 1 else { return x }
    var output: MLXArray?
    let function = CustomFunction {
        Forward { inputs in
            let result = forward(inputs[0])
            output = result
            return [result]
        }
        VJP { inputs, cotangents in
            [backward(inputs[0], output ?? inputs[0], cotangents[0])]
        }
    }
    return function([x])[0]
}

private func allReduced(_ x: MLXArray, _ operation: ReduceOperation, _ group: Group) -> MLXArray {
    exchanged(x, shape: x.shape) { input, output throws(DistributedError) in
        output.copyMemory(from: input)
        try group.transport.allReduce(output, dtype: x.dtype, operation: operation)
    }
}

private func gathered(_ x: MLXArray, _ group: Group) -> MLXArray {
    let shape = [x.dim(0) * group.size] + x.shape.dropFirst()
    return exchanged(x, shape: shape) { input, output throws(DistributedError) in
        try group.transport.allGather(input, into: output)
    }
}

private func swapped(_ x: MLXArray, _ group: Group) -> MLXArray {
    exchanged(x, shape: x.shape) { input, output throws(DistributedError) in
        try group.transport.allToAll(input, into: output)
    }
}

/// A new array that `body` fills from the bytes of another.
private func exchanged(
    _ x: MLXArray, shape: [Int],
    _ body: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) throws(DistributedError) -> Void
) -> MLXArray {
    reporting(zeros(shape, dtype: x.dtype)) {
        try makeArray(shape: shape, dtype: x.dtype) { output in
            try withBytes(x) { try body($0, output) }
        }
    }
}

/// An array that communication makes; where that fails, the placeholder, and the error is handed to
/// the handler of array operations.
private func reporting(_ placeholder: @autoclosure () -> MLXArray, _ body: () throws -> MLXArray)
    -> MLXArray
{
    do {
        return try body()
    } catch {
        ErrorHandler.report(.caught("[distributed] \(error)"))
        return placeholder()
    }
}
