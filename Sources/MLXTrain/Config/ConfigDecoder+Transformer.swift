extension ConfigDecoder {
    /// The section `model` of a decoder-only transformer.
    func transformer(
        _ type: ModelType, _ reader: SectionReader<ModelKey>
    ) throws(ConfigError) -> TransformerConfig {
        try reader.refuse([.hidden, .activation], "applies only to the model mlp")
        try reader.refuse([.dropout], "does not apply to the models gpt and llama")
        let family: TransformerFamily = type == .gpt ? .gpt : .llama
        if family == .gpt {
            try reader.refuse([.keyValueHeads, .ropeBase], "applies only to the model llama")
        }
        let heads = try count(.heads, "the heads of a block", reader)
        let width = try count(.width, "the elements of a token's vector", reader)
        let config = TransformerConfig(
            family: family, layers: try count(.layers, "the number of blocks", reader),
            heads: heads,
            keyValueHeads: try reader.integer(.keyValueHeads, default: heads, atLeast: 1),
            width: width,
            feedForward: try reader.integer(
                .feedForward, default: feedForward(family, width), atLeast: 1),
            context: try count(.context, "the tokens of a sample", reader),
            ropeBase: try reader.number(.ropeBase, default: 10_000, .positive),
            tieEmbeddings: try reader.flag(.tieEmbeddings, default: true))
        try requireWholeHeads(config, reader)
        return config
    }

    private func count(
        _ key: ModelKey, _ expected: String, _ reader: SectionReader<ModelKey>
    ) throws(ConfigError) -> Int {
        try reader.required(key, expected).integer(path: key.path, atLeast: 1)
    }

    /// Four times the width, or two thirds of that, in multiples of 32, where it is gated.
    private func feedForward(_ family: TransformerFamily, _ width: Int) -> Int {
        family == .gpt ? 4 * width : (8 * width / 3 + 31) / 32 * 32
    }

    private func requireWholeHeads(
        _ config: TransformerConfig, _ reader: SectionReader<ModelKey>
    ) throws(ConfigError) {
        let node = try reader.required(.width, "")
        let unit = config.family == .llama ? 2 * config.heads : config.heads
        guard config.width.isMultiple(of: unit) else {
            throw node.outOfRange(ModelKey.width.path, "a multiple of \(unit), for the heads")
        }
        guard config.heads.isMultiple(of: config.keyValueHeads) else {
            throw (reader.node(.keyValueHeads) ?? node).outOfRange(
                ModelKey.keyValueHeads.path, "a divisor of model.heads")
        }
        guard config.family == .llama || config.tieEmbeddings else {
            throw (reader.node(.tieEmbeddings) ?? node).outOfRange(
                ModelKey.tieEmbeddings.path, "true with the model gpt")
        }
    }
}
