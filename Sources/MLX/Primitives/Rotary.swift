import CKernels

/// Pairs of elements of the last axis turned by angles that grow with the position (Su et al.,
/// arXiv:2104.09864): inputs x [B, …, T, D], the first position of each sequence [B], and the
/// angles between two positions [1 or B, dimensions / 2].
struct Rotate: Portable {
    var name: String { "rope" }
    let dimensions: Int
    /// Whether pairs are neighbours, or half of the dimensions apart.
    let isTraditional: Bool
    let scale: Double
    let isInverse: Bool

    private var half: Int { dimensions / 2 }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (x, offsets, angles) = (inputs[0], inputs[1], inputs[2])
        guard x.dtype.isFloatingPoint, !x.dtype.isComplex else {
            throw refusal("not defined for \(x.dtype)")
        }
        guard x.shape.count >= 3, let width = x.shape.last else {
            throw refusal("needs at least three axes: got shape \(x.shape)")
        }
        guard dimensions > 0, dimensions % 2 == 0, dimensions <= width else {
            throw refusal("\(dimensions) is not an even number of dimensions up to \(width)")
        }
        guard offsets.dtype.isInteger, offsets.shape == [x.shape[0]] else {
            throw refusal(
                "the offset must be an integer or one for each of \(x.shape[0]) sequences: "
                    + "got \(offsets.dtype) of shape \(offsets.shape)")
        }
        guard angles.shape == [1, half] || angles.shape == [x.shape[0], half] else {
            throw refusal(
                "\(angles.shape.last ?? 0) frequencies do not fit \(dimensions) dimensions")
        }
        return [x]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let x = inputs[0]
        guard x.count > 0, let kernel = ck_rotate_rows(x.dtype.computed.code) else { return }
        let table = RotationTable(
            inputs[1].converted(to: .int64, on: workers),
            inputs[2].converted(to: x.dtype.computed, on: workers),
            positions: x.shape[x.shape.count - 2], scale: scale, on: workers)
        let (positions, width) = (table.positions, x.shape[x.shape.count - 1])
        let planes = x.count / (positions * width)
        let perSequence = planes / x.shape[0]
        let chunk = max(1, 4096 / width)
        let chunks = (positions + chunk - 1) / chunk
        let reader = TileReader(x, as: x.dtype.computed)
        let writer = TileWriter(outputs[0], from: x.dtype.computed)
        workers.forRanges(of: planes * chunks, grain: 4) { range in
            for task in range {
                let (plane, piece) = task.quotientAndRemainder(dividingBy: chunks)
                let first = piece * chunk
                let rows = min(chunk, positions - first)
                let start = (plane * positions + first) * width
                let angles = table.start(sequence: plane / perSequence, position: first)
                reader.withElements(start, rows * width) { x in
                    writer.withElements(start, rows * width) { y in
                        kernel(
                            y, x, table.cosines.address(at: angles),
                            table.sines.address(at: angles), rows, width, half,
                            isTraditional ? 1 : 0, isInverse ? -1 : 1)
                    }
                }
            }
        }
    }

    /// The same as array expressions, for the derivative by the frequencies.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let dtype = inputs[0].dtype
        let x = inputs[0].asType(dtype.computed)
        let positions = arange(x.dim(-2)) + expandedDimensions(inputs[1], axis: 1)  // [B, T]
        let turns = positions.asType(x.dtype) * (isInverse ? -scale : scale)
        let angles = expandedDimensions(turns, axis: 2) * expandedDimensions(inputs[2], axis: 1)
        let ones = [Int](repeating: 1, count: x.ndim - 3)
        let table = reshaped(angles, [x.dim(0)] + ones + [x.dim(-2), half])
        let parts = split(x, indices: [dimensions], axis: -1)
        let pairs = reshaped(
            parts[0], x.shape.dropLast() + (isTraditional ? [half, 2] : [2, half]))
        let axis = isTraditional ? -1 : -2
        let ends = split(pairs, parts: 2, axis: axis).map { squeezed($0, axis: axis) }
        let turned = stacked(
            [
                ends[0] * cos(table) - ends[1] * sin(table),
                ends[0] * sin(table) + ends[1] * cos(table),
            ], axis: axis)
        let result = concatenated([reshaped(turned, parts[0].shape), parts[1]], axis: -1)
        return [result.asType(dtype)]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let back = Rotate(
            dimensions: dimensions, isTraditional: isTraditional, scale: scale,
            isInverse: !isInverse)
        let byX = MLXArray.apply(back, [cotangent, call.inputs[1], call.inputs[2]])
        return [byX, nil, call.wanted[2] ? Composed.vjp(composed, call, cotangents)[2] : nil]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let byX = tangents[0].map { MLXArray.apply(self, [$0, call.inputs[1], call.inputs[2]]) }
        let byAngles = tangents[2].flatMap { Composed.jvp(composed, call, [nil, nil, $0])[0] }
        return [sum(byX, byAngles)]
    }

    /// The batch joins the sequences, each of which has its own first position.
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let x = batch.stretched(inputs[0], 0)
        let sequences = x.dim(1)
        let offsets = flattened(batch.stretched(inputs[1], 1))
        var angles = inputs[2]
        if batch.isBatched[2] || angles.dim(0) > 1 {
            angles = broadcast(batch.stretched(angles, 2), to: [batch.size, sequences, half])
            angles = flattened(angles, end: 1)
        }
        let result = MLXArray.apply(self, [flattened(x, end: 1), offsets, angles])
        return [Batched(reshaped(result, x.shape))]
    }
}

/// The cosines and sines of all positions, [sequences, positions, half]; one sequence where all are
/// alike.
private struct RotationTable {
    let cosines: Tensor
    let sines: Tensor
    let positions: Int
    private let half: Int
    private let sequences: Int

    init(_ offsets: Tensor, _ angles: Tensor, positions: Int, scale: Double, on workers: Workers) {
        let first = UnsafeBufferPointer(
            start: offsets.address.as(Int64.self), count: offsets.count)
        let isShared = angles.shape[0] == 1 && first.allSatisfy { $0 == first[0] }
        (self.positions, half) = (positions, angles.shape[1])
        sequences = isShared ? 1 : offsets.count
        let turns = Tensor(Spec([sequences, positions, half], angles.dtype))
        (cosines, sines) = (turns.like, turns.like)
        let code = angles.dtype.code
        guard let multiply = ck_scale_row(code), let cos = ck_cos(code), let sin = ck_sin(code)
        else { return }
        let (half, cosines, sines) = (half, cosines, sines)
        let grain = max(1, (1 << 12) / half)
        workers.forRanges(of: sequences * positions, grain: grain) { range in
            for row in range {
                let (sequence, position) = row.quotientAndRemainder(dividingBy: positions)
                let frequencies = angles.address(at: angles.shape[0] == 1 ? 0 : sequence * half)
                let place = Double(Int(first[sequence]) &+ position) * scale
                multiply(turns.address(at: row * half), frequencies, place, half)
            }
            let (start, count) = (range.lowerBound * half, range.count * half)
            cos(cosines.address(at: start), turns.address(at: start), count)
            sin(sines.address(at: start), turns.address(at: start), count)
        }
    }

    /// Where the angles of a position of a sequence lie.
    func start(sequence: Int, position: Int) -> Int {
        ((sequences == 1 ? 0 : sequence) * positions + position) * half
    }
}

extension Tensor {
    /// New row-major memory of this tensor's shape and type.
    fileprivate var like: Tensor { Tensor(Spec(shape, dtype)) }
}

extension Rotate {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 3 }
}
