/// The model a job trains (`model`); input and output sizes come from the data.
public enum ModelConfig: Equatable, Sendable {
    case mlp(MLPConfig)
    case lenet(LeNetConfig)

    /// The word of `model.type`.
    public var type: ModelType {
        switch self {
        case .mlp: .mlp
        case .lenet: .lenet
        }
    }
}

/// The words of `model.type`.
public enum ModelType: String, CaseIterable, Sendable {
    case mlp
    case lenet
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
