/// The matrix product of the two innermost axes, for every index of the axes before them.
struct MatMul: Portable {
    var name: String { "matmul" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (a, b) = (inputs[0], inputs[1])
        guard a.dtype == b.dtype, a.dtype.isFloatingPoint else {
            throw refusal(
                "needs two arrays of one floating-point type: got \(a.dtype) and \(b.dtype)")
        }
        let rank = a.shape.count
        guard rank >= 2, rank == b.shape.count, a.shape.dropLast(2) == b.shape.dropLast(2),
            a.shape[rank - 1] == b.shape[rank - 2]
        else { throw refusal("inner sizes differ: got \(a.shape) and \(b.shape)") }
        return [Spec(a.shape.dropLast() + [b.shape[rank - 1]], a.dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let output = outputs[0]
        if output.count == 0 { return }
        let computed = output.dtype.computed
        let isDirect = PackedProduct.isAvailable(output.dtype)
        if computed != output.dtype, !isDirect {
            // Half types are multiplied and summed as float32 and rounded once.
            let wide = Tensor(Spec(output.shape, computed))
            eval(inputs.map { $0.converted(to: computed, on: workers) }, into: [wide], on: workers)
            let convert = Kernels.convert(from: computed, to: output.dtype)
            workers.forRanges(of: output.count, grain: 1 << 15) { range in
                let start = range.lowerBound
                convert(output.address(at: start), wide.address(at: start), range.count)
            }
            return
        }
        if output.shape.count > 2, let small = SmallProducts(inputs[0], inputs[1]) {
            withExtendedLifetime(inputs) {
                small.run(into: output.address.as(Float.self), on: workers)
            }
            return
        }
        let (a, b) = (Operand(inputs[0], on: workers), Operand(inputs[1], on: workers))
        multiply(a, b, into: output, on: workers)
    }

    /// An operand that BLAS can read where it lies, or a row-major copy.
    private struct Operand {
        let tensor: Tensor

        init(_ tensor: Tensor, on workers: Workers) {
            let isReadable = BLAS.Matrix(tensor, offset: 0) != nil
            self.tensor = isReadable ? tensor : tensor.contiguous(on: workers)
        }

        func matrix(_ plane: Int) -> BLAS.Matrix? {
            BLAS.Matrix(tensor, offset: tensor.offset(ofPlane: plane))
        }

        /// The addresses of all matrices, which lie alike.
        func addresses(_ planes: Int) -> [UnsafeMutableRawPointer] {
            (0..<planes).map { tensor.address + tensor.offset(ofPlane: $0) * tensor.dtype.size }
        }
    }

    private func multiply(_ a: Operand, _ b: Operand, into output: Tensor, on workers: Workers) {
        let rank = output.shape.count
        let (m, n) = (output.shape[rank - 2], output.shape[rank - 1])
        let k = a.tensor.shape[rank - 1]
        if k == 0 { return output.clear(on: workers) }
        let planes = output.count / (m * n)
        guard let left = a.matrix(0), let right = b.matrix(0) else { return }
        let (target, dtype) = (output.address, output.dtype)
        func product(
            _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer, _ plane: Int
        ) {
            BLAS.multiply(
                left.moved(to: a), right.moved(to: b), into: target + plane * m * n * dtype.size,
                m: m, n: n, k: k, dtype: dtype, on: workers)
        }
        if planes == 1 { return product(left.address, right.address, 0) }
        let isLarge = m * n / 64 * k >= Self.largeWork / 64
        // Large products that are too few for the threads, or left over, are shared by them all.
        let shared = isLarge ? planes % Workers.count : 0
        // Inside a worker's task a product runs on that worker alone, with addresses alone: the
        // threads would count references to the operands in one place.
        a.addresses(planes).withUnsafeBufferPointer { lefts in
            b.addresses(planes).withUnsafeBufferPointer { rights in
                let first = PackedProduct(left, right, m: m, n: n, k: k, dtype: dtype)
                if PackedProduct.isAvailable(dtype), min(m, n) > 1, first.isForOneThread {
                    let room = first.room(tasks: planes - shared)
                    workers.run(planes - shared) { plane in
                        room.borrow { place in
                            PackedProduct(
                                left.moved(to: lefts[plane]), right.moved(to: rights[plane]),
                                m: m, n: n, k: k, dtype: dtype
                            ).run(into: target + plane * m * n * dtype.size, in: place)
                        }
                    }
                } else {
                    workers.run(planes - shared) { product(lefts[$0], rights[$0], $0) }
                }
                for plane in planes - shared..<planes {
                    product(lefts[plane], rights[plane], plane)
                }
            }
        }
    }

    /// The multiplications of a product that all threads make together, where planes are few.
    private static let largeWork = 1 << 22

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let (a, b) = (call.inputs[0], call.inputs[1])
        return [
            call.wanted[0] ? matmul(cotangent, adjoint(b)) : nil,
            call.wanted[1] ? byRight(a, b, cotangent) : nil,
        ]
    }

    /// The gradient by b; where b is another array's transpose, made such that the other's gradient
    /// is row-major.
    private func byRight(_ a: MLXArray, _ b: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        guard b.value.node.primitive?.turnsMatrices == true else {
            return matmul(adjoint(a), cotangent)
        }
        return turned(matmul(turned(cotangent), conjugate(a)))
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        BilinearOperation.matMul(self).jvp(call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let (a, b) = (inputs[0], inputs[1])
        // One right matrix for all: the public function joins the rows of all left ones.
        if !batch.isBatched[1], b.ndim == 2 { return [Batched(matmul(a, b))] }
        return vmapLeading(inputs, batch)
    }
}

extension MatMul {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 }
}
