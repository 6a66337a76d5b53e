import MLX

/// The elements of all ranks joined.
struct AllReduce: CollectivePrimitive {
    let group: Group
    let operation: ReduceOperation

    var name: String {
        switch operation {
        case .sum: "allSum"
        case .max: "allMax"
        case .min: "allMin"
        }
    }

    // A call that fails leaves damaged bytes, and its group for good: nobody reads them.
    var overwrites: [Int?] { [0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard operation == .sum || inputs[0].dtype != .complex64 else {
            throw refusal("complex numbers have no order")
        }
        return inputs
    }

    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError) {
        output.take(input)
        try group.transport.allReduce(output, dtype: dtype, operation: operation)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard operation != .sum, let cotangent = cotangents[0] else { return cotangents }
        let (isThere, count) = winners(call, cotangent.dtype)
        return [cotangent * isThere / count]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0] else { return [nil] }
        guard operation != .sum else { return [allSum(tangent, group: group)] }
        let (isThere, count) = winners(call, tangent.dtype)
        return [allSum(tangent * isThere, group: group) / count]
    }

    /// Whether this rank has the largest or smallest value of each element, as 1 and 0, and how many
    /// ranks have it.
    private func winners(_ call: Call, _ dtype: DType) -> (isThere: MLXArray, count: MLXArray) {
        let isThere = (call.inputs[0] .== call.output).asType(dtype)
        return (isThere, allSum(isThere, group: group))
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The rows of all ranks.
struct AllGather: RowCollective {
    let name = "allGather"
    let group: Group

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let shape = inputs[0].shape
        return [Spec([shape[0] * group.size] + shape.dropFirst(), inputs[0].dtype)]
    }

    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError) {
        try group.transport.allGather(input, into: output)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let count = call.inputs[0].dim(0)
        return cotangents.map { $0?[(group.rank * count)..<((group.rank + 1) * count)] }
    }
}

/// A part of the rows of the sum.
struct SumScatter: RowCollective {
    let name = "sumScatter"
    let group: Group

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        [Spec(try part(of: inputs[0]), inputs[0].dtype)]
    }

    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError) {
        let sum = Scratch(byteCount: input.count)
        sum.buffer.copyMemory(from: input)
        try group.transport.allReduce(sum.buffer, dtype: dtype, operation: .sum)
        let start = group.rank * output.count
        output.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: sum.buffer[start..<(start + output.count)]))
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        cotangents.map { $0.map { allGather($0, group: group) } }
    }
}

/// The rows of the ranks with the ranks that have them changed for the ranks that they are for.
struct AllToAll: RowCollective {
    let name = "allToAll"
    let group: Group

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        _ = try part(of: inputs[0])
        return inputs
    }

    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError) {
        try group.transport.allToAll(input, into: output)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        cotangents.map { $0.map { allToAll($0, group: group) } }
    }
}

/// The array of one rank.
struct Broadcast: CollectivePrimitive {
    let name = "broadcast"
    let group: Group
    let root: Int

    var overwrites: [Int?] { [0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try refuse(rank: root, allowsOwn: true)
        return inputs
    }

    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError) {
        if group.rank == root { output.take(input) }
        try group.transport.broadcast(output, root: root)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        group.rank == root ? cotangents : [nil]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        tangents.map { $0.map { broadcast($0, root: root, group: group) } }
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The array itself, sent on the way.
struct Send: CollectivePrimitive {
    let name = "send"
    let group: Group
    let target: Int

    var overwrites: [Int?] { [0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try refuse(rank: target, allowsOwn: false)
        return inputs
    }

    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError) {
        try group.transport.send(input, to: target)
        output.take(input)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { cotangents }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { tangents }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// What a rank sends to this one.
struct Receive: CollectivePrimitive {
    let name = "recv"
    let group: Group
    let source: Int
    /// The array's shape and type; nil where they are those of the input.
    let spec: Spec?

    var overwrites: [Int?] { [spec == nil ? 0 : nil] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try refuse(rank: source, allowsOwn: false)
        return spec.map { [$0] } ?? inputs
    }

    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError) {
        try group.transport.receive(output, from: source)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        call.inputs.map { _ in nil }
    }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The identity, whose gradient is summed over the ranks.
struct SumGradients: Primitive {
    let name = "sumGradients"
    let group: Group

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { inputs }
    func alias(_ inputs: [Tensor]) -> [Tensor]? { inputs }
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        cotangents.map { $0.map { allSum($0, group: group) } }
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { tangents }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}
