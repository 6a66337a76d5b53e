/// What the functions on quantized arrays share.
enum Quantization {
    /// The body's arrays; an error goes to the error handler and gives empty arrays.
    static func results(
        _ name: String, _ body: () throws(MLXError) -> [MLXArray]
    ) -> [MLXArray] {
        do {
            return try body()
        } catch {
            ErrorHandler.report(error)
            return (0..<3).map { _ in zeros([0]) }
        }
    }

    /// Words, scales and, in the affine mode, biases.
    static func weights(
        _ words: MLXArray, _ scales: MLXArray, _ biases: MLXArray?, _ mode: QuantizationMode,
        for name: String
    ) throws(MLXError) -> [MLXArray] {
        guard mode == .affine else {
            if biases == nil { return [words, scales] }
            throw .caught("[\(name)] \(mode) has no biases, but some were given")
        }
        guard let biases else { throw .caught("[\(name)] affine needs biases") }
        return [words, scales, biases]
    }

    /// One float32 number for nvfp4.
    static func global(
        _ scale: MLXArray?, _ mode: QuantizationMode, for name: String
    ) throws(MLXError) -> MLXArray? {
        guard let scale else { return nil }
        guard mode == .nvfp4 else {
            throw .caught("[\(name)] only nvfp4 has a global scale: got one for \(mode)")
        }
        guard scale.size == 1 else {
            throw .caught("[\(name)] the global scale must be one number: got shape \(scale.shape)")
        }
        return reshaped(scale, []).asType(.float32)
    }

    /// The array x in the type of the product; scales and biases keep theirs.
    static func promoted(_ x: MLXArray, _ weights: [MLXArray]) -> MLXArray {
        guard weights.count == 3 else { return x }
        return x.asType(weights.dropFirst().reduce(x.dtype) { DType.promoted($0, $1.dtype) })
    }

    /// The product with leading axes broadcast; with weights of one matrix x is only rows.
    static func product(
        _ product: QuantizedMM, _ x: MLXArray, _ weights: [MLXArray]
    ) throws(MLXError) -> MLXArray {
        guard x.ndim > 0, let words = weights.first, words.ndim >= 2 else {
            throw product.refusal("needs axes: got shapes \(x.shape) and \(weights[0].shape)")
        }
        if words.ndim == 2 {
            let rows = reshaped(x, [x.shape.dropLast().reduce(1, *), x.dim(-1)])
            let result = MLXArray.apply(product, [rows] + weights)
            return reshaped(result, x.shape.dropLast() + result.shape.suffix(1))
        }
        if x.ndim == 1 {
            let row = try self.product(product, expandedDimensions(x, axis: 0), weights)
            return squeezed(row, axis: -2)
        }
        let leading = Array(words.shape.dropLast(2))
        guard weights.allSatisfy({ $0.shape.dropLast(2) == words.shape.dropLast(2) }),
            let batch = broadcastShape([Array(x.shape.dropLast(2)), leading])
        else {
            throw product.refusal(
                "shapes \(x.shape) and \(weights.map(\.shape)) do not fit before the matrices")
        }
        let inputs = ([x] + weights).map { broadcast($0, to: batch + $0.shape.suffix(2)) }
        return MLXArray.apply(product, inputs)
    }

    /// The nearest array that the format holds, in the type of x, whose gradient is that of x.
    static func rounded(
        _ x: MLXArray, _ format: QuantizationFormat, _ global: MLXArray?
    ) -> MLXArray {
        let rows = x.ndim > 1 ? x : expandedDimensions(x, axis: 0)
        let packed = MLXArray.applyAll(
            Quantize(format: format), [rows] + (global.map { [$0] } ?? []), placeholders: 2)
        let elements = MLXArray.apply(Dequantize(format: format, dtype: .float32), packed)
        let scaled = global.map { elements * ($0 / QuantizationFormat.largestScaled) } ?? elements
        let nearest = stopGradient(reshaped(scaled, x.shape).asType(x.dtype))
        // The difference is 0 with the slope of x.
        return nearest + (x - stopGradient(x))
    }
}
