import MLX

/// The arrays of rank 0 on every rank, in the order, shapes and dtypes of `arrays`; a collective.
///
/// Throws `differentArrays` where the ranks bring other shapes or dtypes.
public func broadcastParameters(_ arrays: [MLXArray], group: Group) throws -> [MLXArray] {
    guard group.size > 1 else { return arrays }
    try ArraySignature.checkAgreement(arrays.map(ArraySignature.init), over: group.transport)
    eval(arrays)
    return try arrays.map { array in
        try makeArray(shape: array.shape, dtype: array.dtype) { bytes in
            withBytes(array) { bytes.copyMemory(from: $0) }
            try group.transport.broadcast(bytes, root: 0)
        }
    }
}

/// Checks that the arrays have the same bits on every rank; a collective.
///
/// `names` are those of `arrays`, in order. Throws `replicasDiffer` with the first parameter that
/// differs and the ranks whose values are not those of most ranks, and `differentArrays` where
/// the ranks bring other shapes or dtypes.
public func verifyReplicas(names: [String], arrays: [MLXArray], group: Group) throws {
    precondition(
        names.count == arrays.count,
        "[verifyReplicas] got \(names.count) names for \(arrays.count) arrays")
    guard group.size > 1 else { return }
    try ArraySignature.checkAgreement(arrays.map(ArraySignature.init), over: group.transport)
    eval(arrays)
    let hashes = arrays.map { array in withBytes(array) { hash64($0) } }
    let all = try group.transport.allGather(hashes.withUnsafeBytes { Array($0) })
    for (index, name) in names.enumerated() {
        let values = all.map { bytes in
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self) }
        }
        let ranks = ranksOutsideMajority(values)
        if !ranks.isEmpty { throw DistributedError.replicasDiffer(parameter: name, ranks: ranks) }
    }
}
