import Foundation
import MLX
import MLXNN

extension ModelParts {
    /// Whether the output's matrix is the embedding: said so, or there is no other.
    public var tiesEmbeddings: Bool {
        let hasHead = weights.keys.contains { $0.hasSuffix("lm_head.weight") }
        return configuration["tie_word_embeddings"] == .flag(true) || !hasHead
    }

    /// Gives a model the weights: packed layers become quantized layers, and all parameters get the
    /// arrays of the files, unread until they are needed.
    ///
    /// Throws ``LanguageModelError/weights(_:reason:)`` where a parameter is missing, unknown or of
    /// another shape.
    public func fill(_ model: any LanguageModel) throws {
        let weights = model.sanitize(weights: weights)
        var layers: [(String, Module)] = []
        for (name, layer) in model.leafModules().flattened() {
            guard weights["\(name).scales"] != nil else { continue }
            layers.append((name, try packed(layer, name, weights)))
        }
        do {
            try model.update(modules: .unflattened(layers), verify: .noUnusedKeys)
            try model.loadWeights(from: weights)
        } catch let error as UpdateError {
            throw LanguageModelError.weights(source.path, reason: error.description)
        }
        model.train(false)
    }

    /// The quantized form of a layer, with the weights of its name.
    private func packed(
        _ layer: Module, _ name: String, _ weights: [String: MLXArray]
    ) throws -> Module {
        func refusal(_ reason: String) -> LanguageModelError {
            .weights(source.path, reason: "\(name) \(reason)")
        }
        guard let format = quantization?.format(of: name) else {
            throw refusal("has scales, and the configuration has no quantization for it")
        }
        guard let words = weights["\(name).weight"], let scales = weights["\(name).scales"],
            words.dtype == .uint32, words.ndim == 2, scales.ndim == 2
        else { throw refusal("has scales, and no packed weight") }
        let biases = weights["\(name).biases"]
        guard (biases != nil) == (format.mode == .affine) else {
            throw refusal("is of the mode \(format.mode), which goes not with its biases")
        }
        let shape: (Int, Int)
        switch layer {
        case let linear as Linear: shape = linear.shape
        case let embedding as Embedding: shape = embedding.shape
        default: throw refusal("can't be packed")
        }
        guard words.shape == [shape.0, shape.1 * format.bits / 32],
            scales.shape == [shape.0, shape.1 / format.groupSize]
        else {
            throw refusal(
                "of \(shape.0) rows and \(shape.1) columns has the words \(words.shape) and the "
                    + "scales \(scales.shape), which are not of \(format.bits) bits in groups of "
                    + "\(format.groupSize)")
        }
        if layer is Embedding {
            return QuantizedEmbedding(
                weight: words, scales: scales, biases: biases, groupSize: format.groupSize,
                bits: format.bits, mode: format.mode)
        }
        return QuantizedLinear(
            weight: words, bias: (layer as? Linear)?.bias, scales: scales, biases: biases,
            groupSize: format.groupSize, bits: format.bits, mode: format.mode)
    }
}
