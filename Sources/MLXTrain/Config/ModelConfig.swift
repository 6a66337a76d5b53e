/// The model a job trains (`model`); input and output sizes come from the data.
public enum ModelConfig: Equatable, Sendable {
    case mlp(MLPConfig)
    case lenet(LeNetConfig)
    case transformer(TransformerConfig)
    case pretrained(PretrainedConfig)

    /// The word of `model.type`.
    public var type: ModelType {
        switch self {
        case .mlp: .mlp
        case .lenet: .lenet
        case .transformer(let config): config.family == .gpt ? .gpt : .llama
        case .pretrained: .pretrained
        }
    }

    /// What a model of this type learns.
    public var task: TrainTask {
        switch self {
        case .mlp, .lenet: .classification
        case .transformer, .pretrained: .languageModel
        }
    }
}

/// The words of `model.type`.
public enum ModelType: String, CaseIterable, Sendable {
    case mlp
    case lenet
    case gpt
    case llama
    /// A language model that is loaded.
    case pretrained
}

/// A multi-layer perceptron: linear layers with an activation between them.
public struct MLPConfig: Equatable, Sendable {
    /// The width of each hidden layer, input side first; empty: one linear layer.
    public var hidden: [Int]
    /// What follows each hidden layer.
    public var activation: ActivationChoice
    /// The fraction of hidden values set to zero in training, in [0, 1).
    public var dropout: Double
}

/// The activation of a model's hidden layers (`model.activation`).
public enum ActivationChoice: String, CaseIterable, Sendable {
    case relu
    case gelu
    case tanh
    case sigmoid
}

/// A small convolutional network in the manner of LeNet; it needs images.
public struct LeNetConfig: Equatable, Sendable {
    /// The fraction of hidden values set to zero in training, in [0, 1).
    public var dropout: Double
}

/// A decoder-only transformer.
public struct TransformerConfig: Equatable, Sendable {
    /// Whose layers it has.
    public var family: TransformerFamily
    /// The number of blocks.
    public var layers: Int
    /// The heads of queries of a block.
    public var heads: Int
    /// The heads of keys and values, each shared by equally many heads of queries.
    public var keyValueHeads: Int
    /// The elements of a token's vector.
    public var width: Int
    /// The elements inside the feed-forward part of a block.
    public var feedForward: Int
    /// The tokens of a sample.
    public var context: Int
    /// The base of the rotary positions; only `llama`.
    public var ropeBase: Double
    /// Whether the embedding is the output's matrix too.
    public var tieEmbeddings: Bool
}

/// The families of transformers that can be trained from scratch.
public enum TransformerFamily: Sendable {
    /// GPT-2: learned positions, layer norms, GELU.
    case gpt
    /// Llama: rotary positions, root-mean-square norms, gated SiLU.
    case llama
}
