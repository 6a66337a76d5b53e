import MLX

// The collectives of `mx.distributed` as operations of the graph: like any other they run when
// their values are asked for, every time a compiled function is called, and may stand in functions
// under `grad`, `jvp` and `vmap`. An evaluation runs what it needs in an order that the graph alone
// decides, so that ranks that build the same graphs and ask for the same values meet.
//
// A derivative takes what follows a collective to be the same on all ranks, as the loss is: the
// gradient of a sum over ranks is then the gradient of each addend.
//
// An error of communication goes where those of array operations go (``MLX/withError(_:)-(_)``).
// From then on nobody knows where the others are, and every collective of the group gives it again.

/// The sum of an array over the ranks of a group, on every rank.
///
/// Half types are summed as float32 and rounded once; integers wrap; bools are joined by or.
public func allSum(_ x: MLXArray, group: Group) -> MLXArray {
    group.size == 1 ? x : .apply(AllReduce(group: group, operation: .sum), [x])
}

/// The largest value of each element over the ranks of a group, on every rank; NaN if one is.
///
/// Its gradient goes to the ranks that have the largest value, in equal parts. Complex numbers have
/// none.
public func allMax(_ x: MLXArray, group: Group) -> MLXArray {
    group.size == 1 ? x : .apply(AllReduce(group: group, operation: .max), [x])
}

/// The smallest value of each element over the ranks of a group, on every rank; NaN if one is.
///
/// Its gradient goes to the ranks that have the smallest value, in equal parts. Complex numbers have
/// none.
public func allMin(_ x: MLXArray, group: Group) -> MLXArray {
    group.size == 1 ? x : .apply(AllReduce(group: group, operation: .min), [x])
}

/// The arrays of all ranks one after the other along the first axis: [n, …] gives [size · n, …],
/// and a scalar [size].
///
/// All ranks bring the same shape.
public func allGather(_ x: MLXArray, group: Group) -> MLXArray {
    let rows = x.ndim == 0 ? x.reshaped([1]) : x
    return group.size == 1 ? rows : .apply(AllGather(group: group), [rows])
}

/// This rank's part of the sum of an array over the ranks: [size · n, …] gives [n, …].
///
/// Refuses an array whose first axis is no multiple of the group's size.
public func sumScatter(_ x: MLXArray, group: Group) -> MLXArray {
    group.size == 1 && x.ndim > 0 ? x : .apply(SumScatter(group: group), [x])
}

/// The array of one rank, on every rank; the others give one of its shape and type.
///
/// Refuses a root that is no rank of the group.
public func broadcast(_ x: MLXArray, root: Int, group: Group) -> MLXArray {
    group.size == 1 && root == 0 ? x : .apply(Broadcast(group: group, root: root), [x])
}

/// Parts of all ranks: with the first axis cut into as many parts as there are ranks, part r of
/// rank s becomes part s of rank r.
///
/// Refuses an array whose first axis is no multiple of the group's size.
public func allToAll(_ x: MLXArray, group: Group) -> MLXArray {
    group.size == 1 && x.ndim > 0 ? x : .apply(AllToAll(group: group), [x])
}

/// The array itself, which goes to a rank when the result is computed; that rank must ask for it
/// with ``recv(shape:dtype:from:group:)``.
///
/// What nobody computes is not sent. Refuses a target that is this rank or none of the group.
public func send(_ x: MLXArray, to target: Int, group: Group) -> MLXArray {
    .apply(Send(group: group, target: target), [x])
}

/// The array that a rank sends to this one, whose shape and type both know.
///
/// A compiled function receives one at every call. Refuses a source that is this rank or none of the
/// group.
public func recv(shape: [Int], dtype: DType, from source: Int, group: Group) -> MLXArray {
    .apply(Receive(group: group, source: source, spec: Spec(shape, dtype)), [])
}

/// The array of the shape and type of `x` that a rank sends to this one, after `x` is computed.
///
/// A compiled function receives one at every call. No gradient goes back to the sender.
public func recvLike(_ x: MLXArray, from source: Int, group: Group) -> MLXArray {
    .apply(Receive(group: group, source: source, spec: nil), [x])
}

/// Returns when every rank of the group has called it.
public func barrier(group: Group) throws(DistributedError) { try group.barrier() }

/// The array itself, whose gradient is summed over the ranks.
///
/// It stands before what each rank does with a part of the weights of its own.
public func sumGradients(_ x: MLXArray, group: Group) -> MLXArray {
    group.size == 1 ? x : .apply(SumGradients(group: group), [x])
}
