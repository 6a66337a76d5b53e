import MLX

/// A node of the graph whose evaluation is a call that other ranks take part in.
///
/// The evaluations of a process take turns. A rank keeps its turn while it waits for others, so that
/// nobody computes the node a second time, unless the others are threads of the same process.
protocol CollectivePrimitive: Primitive {
    var group: Group { get }

    /// Communicates: reads the first input's bytes, in row-major order, and fills the result's, which
    /// may be the same memory if the primitive overwrites its input.
    func exchange(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ dtype: DType
    ) throws(DistributedError)
}

extension CollectivePrimitive {
    var hasEffect: Bool { true }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let input = inputs.first?.contiguous(on: workers)
        let output = outputs[0]
        let source = UnsafeRawBufferPointer(start: input?.address, count: input?.byteCount ?? 0)
        let target = UnsafeMutableRawBufferPointer(start: output.address, count: output.byteCount)
        defer { withExtendedLifetime((input, output)) {} }
        do throws(DistributedError) {
            try group.communicate { () throws(DistributedError) in
                try exchange(source, target, output.dtype)
            }
        } catch {
            throw refusal("\(error)")
        }
    }

    func refuse(rank: Int, allowsOwn: Bool) throws(MLXError) {
        guard rank >= 0, rank < group.size, allowsOwn || rank != group.rank else {
            let others = allowsOwn ? "ranks" : "other ranks"
            throw refusal("rank \(rank) is none of the \(others) of a group of \(group.size)")
        }
    }

    /// The shape of one of as many parts of the first axis as there are ranks.
    func part(of input: Spec) throws(MLXError) -> [Int] {
        guard let rows = input.shape.first, rows % group.size == 0 else {
            throw refusal(
                "the first axis must be a multiple of \(group.size): got \(input.shape)")
        }
        return [rows / group.size] + input.shape.dropFirst()
    }
}

/// A collective that takes the first axis apart: of a repeated call the second, behind which the
/// repetition goes.
protocol RowCollective: CollectivePrimitive {}

extension RowCollective {
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let rows = movedAxis(inputs[0], source: 0, destination: 1)
        return [Batched(MLXArray.apply(self, [rows]), axis: 1)]
    }

    /// Linear in its input.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        tangents.map { $0.map { MLXArray.apply(self, [$0]) } }
    }
}

extension Tensor {
    fileprivate var byteCount: Int { count * dtype.size }
}

extension UnsafeMutableRawBufferPointer {
    /// Copies the bytes unless they are these.
    func take(_ source: UnsafeRawBufferPointer) {
        if source.baseAddress != UnsafeRawPointer(baseAddress) { copyMemory(from: source) }
    }
}
