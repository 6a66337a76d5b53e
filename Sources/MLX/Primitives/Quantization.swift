import CKernels

/// An operation on weights of one format.
protocol QuantizedPrimitive: Portable {
    var format: QuantizationFormat { get }
}

extension QuantizedPrimitive {
    /// Refuses words, scales and biases that don't fit each other; gives the elements of a row.
    func checkWeights(_ weights: [Spec]) throws(MLXError) -> Int {
        let (words, scales) = (weights[0], weights[1])
        guard words.dtype == .uint32 else {
            throw refusal("packed weights must be uint32, got \(words.dtype)")
        }
        guard words.shape.count >= 2, let width = words.shape.last else {
            throw refusal("packed weights need at least two axes, got shape \(words.shape)")
        }
        let columns = format.codes(inWords: width)
        let expected: [Int] = words.shape.dropLast() + [columns / format.groupSize]
        guard columns % format.groupSize == 0, format.words(columns) == width,
            scales.shape == expected
        else {
            throw refusal(
                "scales of shape \(scales.shape) do not fit packed weights of shape \(words.shape) "
                    + "with groups of \(format.groupSize) and \(format.bits) bits")
        }
        if !format.isAffine {
            guard scales.dtype == .uint8 else {
                throw refusal("scales of \(format.mode) must be uint8, got \(scales.dtype)")
            }
            return columns
        }
        guard scales.dtype.isReal, weights[2].dtype.isReal, weights[2].shape == scales.shape else {
            throw refusal(
                "scales and biases must be of one shape and real floating-point types, got "
                    + "\(scales) and \(weights[2])")
        }
        return columns
    }

    /// The numbers of words, scales and biases among the inputs of an operation.
    var weightCount: Int { format.isAffine ? 3 : 2 }

    /// The gradients by the words, scales and biases, given that by the elements.
    func gradients(_ elements: MLXArray, _ weights: [MLXArray], _ wanted: [Bool]) -> [MLXArray?] {
        guard format.isAffine else { return [nil, nil] }
        let grouped = { (array: MLXArray) in
            unflatten(array, axis: -1, shape: [weights[1].dim(-1), format.groupSize]).sum(axis: -1)
        }
        let codes = { () -> MLXArray in
            let one = ones(like: weights[1]).asType(elements.dtype)
            let dequantize = Dequantize(format: format, dtype: elements.dtype)
            return MLXArray.apply(dequantize, [weights[0], one, zeros(like: one)])
        }
        return [
            nil, wanted[1] ? grouped(elements * codes()).asType(weights[1].dtype) : nil,
            wanted[2] ? grouped(elements).asType(weights[2].dtype) : nil,
        ]
    }
}

extension DType {
    /// Whether the type holds fractions and no imaginary part.
    var isReal: Bool { isFloatingPoint && !isComplex }
}

/// Packed words, scales and, in the affine format, biases of an array [..., R, C]. For nvfp4 a
/// second input may scale: a number, or one for each index of the leading axes.
///
/// Computed in float32. Results jump where elements change, so that no gradient flows, as in MLX.
struct Quantize: QuantizedPrimitive {
    var name: String { "quantized" }
    let format: QuantizationFormat

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let w = inputs[0]
        guard w.dtype.isReal else {
            throw refusal("needs a real floating-point type, got \(w.dtype)")
        }
        guard w.shape.count >= 2, let columns = w.shape.last else {
            throw refusal("needs at least two axes, got shape \(w.shape)")
        }
        guard columns % format.groupSize == 0 else {
            throw refusal(
                "the last axis must be a multiple of the group size \(format.groupSize), "
                    + "got shape \(w.shape)")
        }
        for scale in inputs.dropFirst() {
            guard format.mode == .nvfp4, scale.dtype == .float32,
                scale.shape.count <= w.shape.count - 2,
                Array(w.shape.prefix(scale.shape.count)) == scale.shape
            else { throw refusal("the global scale must be one number for nvfp4, got \(scale)") }
        }
        let leading = Array(w.shape.dropLast())
        let scales = leading + [columns / format.groupSize]
        let packed = Spec(leading + [format.words(columns)], .uint32)
        if !format.isAffine { return [packed, Spec(scales, .uint8)] }
        return [packed, Spec(scales, w.dtype), Spec(scales, w.dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let group = format.groupSize
        let groups = inputs[0].count / group
        if groups == 0 { return }
        let reader = TileReader(inputs[0], as: .float32)
        let global = inputs.count > 1 ? inputs[1].contiguous(on: workers) : nil
        let perScale = groups / (global?.count ?? 1)
        workers.forRanges(of: groups, grain: max(1, (1 << 13) / group)) { range in
            var start = range.lowerBound
            while start < range.upperBound {
                // A run of groups that have one global scale.
                let scale = start / perScale
                let count = min(range.upperBound, (scale + 1) * perScale) - start
                let factor = global.map {
                    QuantizationFormat.largestScaled / $0.address.as(Float.self)[scale]
                }
                reader.withElements(start * group, count * group) {
                    quantize($0, start, count, factor ?? 1, into: outputs)
                }
                start += count
            }
        }
    }

    private func quantize(
        _ elements: UnsafeRawPointer, _ start: Int, _ count: Int, _ factor: Float,
        into outputs: [Tensor]
    ) {
        let words = outputs[0].address(at: format.words(start * format.groupSize))
        let source = elements.assumingMemoryBound(to: Float.self)
        if let kernel = format.quantizeFloats {
            let scales = outputs[1].address(at: start).as(UInt8.self)
            return kernel(words, scales, source, count, format.groupSize, factor)
        }
        guard let kernel = format.quantizeAffine else { return }
        TileWriter(outputs[1], from: .float32).withElements(start, count) { scales in
            TileWriter(outputs[2], from: .float32).withElements(start, count) { biases in
                kernel(
                    words, scales.as(Float.self), biases.as(Float.self), source, count,
                    format.groupSize)
            }
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [MLXArray?](repeating: nil, count: call.inputs.count)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [MLXArray?](repeating: nil, count: call.outputs.count)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        // A single global scale does for all.
        let isShared = inputs.count < 2 || (!batch.isBatched[1] && inputs[1].ndim == 0)
        let all = isShared ? inputs : batch.stretched(inputs)
        return MLXArray.applyAll(self, all).map { Batched($0) }
    }
}

/// The elements that words, scales and biases [..., R, …] stand for: [..., R, C].
struct Dequantize: QuantizedPrimitive {
    var name: String { "dequantized" }
    let format: QuantizationFormat
    let dtype: DType

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let columns = try checkWeights(inputs)
        guard dtype.isReal else {
            throw refusal("gives a real floating-point type, got \(dtype)")
        }
        return [Spec(inputs[0].shape.dropLast() + [columns], dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let output = outputs[0]
        if output.count == 0 { return }
        // Scales of half types are exact in float32.
        let wide = inputs.dropFirst().contains { $0.dtype == .float64 }
        let computed: DType = wide ? .float64 : dtype.computed
        let matrix = QuantizedMatrix(
            format, inputs.map { $0.rows(on: workers) }, computed: computed, on: workers)
        let groups = output.count / format.groupSize
        let writer = TileWriter(output, from: computed)
        guard let kernel = format.dequantize(computed) else { return }
        workers.forRanges(of: groups, grain: max(1, (1 << 13) / format.groupSize)) { range in
            let start = range.lowerBound * format.groupSize
            writer.withElements(start, range.count * format.groupSize) { out in
                matrix.withScales(range.lowerBound, range.count) { scales, biases in
                    kernel(
                        out, matrix.words.address(at: format.words(start)), scales, biases,
                        range.count, format.groupSize)
                }
            }
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else {
            return [MLXArray?](repeating: nil, count: call.inputs.count)
        }
        return gradients(cotangent, call.inputs, call.wanted)
    }

    /// Linear in the scales and biases together.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard format.isAffine, tangents[1] != nil || tangents[2] != nil else { return [nil] }
        let changes = (1...2).map { tangents[$0] ?? zeros(like: call.inputs[$0]) }
        return [MLXArray.apply(self, [call.inputs[0]] + changes)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension Tensor {
    /// All rows of the last axis below each other, in row-major memory.
    fileprivate func rows(on workers: Workers) -> Tensor {
        var rows = contiguous(on: workers)
        let width = shape.last ?? 1
        rows.layout = Layout(
            shape: [count / max(width, 1), width], strides: [width, 1], offset: rows.layout.offset)
        return rows
    }
}

/// Floats of 8 bits, four of them exponent: the nearest, and at most 448 in size.
struct ToFP8: Unary {
    static let kernels: Kernels.UnaryTable = ck_to_fp8
    var name: String { "toFP8" }
    func result(_ dtype: DType) -> DType { .uint8 }
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
}

/// The numbers that floats of 8 bits stand for, as float32.
struct FromFP8: Unary {
    static let kernels: Kernels.UnaryTable = ck_from_fp8
    var name: String { "fromFP8" }
    func result(_ dtype: DType) -> DType { .float32 }
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
}

extension QuantizedPrimitive {
    /// Whether so many inputs suit a known format, with axes whose bits can be counted.
    func isKnown(_ inputs: [Spec], _ counts: ClosedRange<Int>) -> Bool {
        format.isKnown && counts ~= inputs.count
            && inputs.allSatisfy { $0.shape.allSatisfy { $0 < 1 << 48 } }
    }
}

extension Quantize {
    package func isSound(_ inputs: [Spec]) -> Bool { isKnown(inputs, 1...2) }
}

extension Dequantize {
    package func isSound(_ inputs: [Spec]) -> Bool { isKnown(inputs, weightCount...weightCount) }
}
