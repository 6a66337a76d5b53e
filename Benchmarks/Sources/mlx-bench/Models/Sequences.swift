import MLX
import MLXNN

/// Classes of sequences of tokens by the last state of a recurrent layer from 128 to 256 features.
final class Recurrent: Module, UnaryLayer {
    let tokens = Embedding(embeddingCount: 1000, dimensions: 128)
    let gated: GRU?
    let memory: LSTM?
    let output = Linear(256, 10)

    init(isGated: Bool) {
        gated = isGated ? GRU(inputSize: 128, hiddenSize: 256) : nil
        memory = isGated ? nil : LSTM(inputSize: 128, hiddenSize: 256)
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        let x = tokens(x)
        let states = gated?(x) ?? memory?(x).0 ?? x
        return output(states[0..., -1])
    }
}

/// Classes of texts by the strongest of 100 patterns of three, of four and of five tokens (Kim,
/// 2014).
final class TextCNN: Module, UnaryLayer {
    let tokens = Embedding(embeddingCount: 5000, dimensions: 128)
    let patterns = [3, 4, 5].map {
        Conv1d(inputChannels: 128, outputChannels: 100, kernelSize: $0)
    }
    let dropout = Dropout(p: 0.5)
    let output = Linear(300, 5)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        let x = tokens(x)
        let strongest = patterns.map { max(relu($0(x)), axis: 1) }
        return output(dropout(concatenated(strongest, axis: -1)))
    }
}

/// Gated convolutions that look back 1 to 32 steps (van den Oord et al., 2016): 16 classes of each
/// next value.
final class WaveNet: Module, UnaryLayer {
    let input = Conv1d(inputChannels: 1, outputChannels: 32, kernelSize: 1)
    let gates = (0..<6).map {
        Conv1d(inputChannels: 32, outputChannels: 64, kernelSize: 2, dilation: 1 << $0)
    }
    let outputs = (0..<6).map { _ in Conv1d(inputChannels: 32, outputChannels: 32, kernelSize: 1) }
    let output = Conv1d(inputChannels: 32, outputChannels: 16, kernelSize: 1)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = input(x)
        for (index, (gate, output)) in zip(gates, outputs).enumerated() {
            let before = padded(x, widths: [0, .init((1 << index, 0)), 0])
            let parts = split(gate(before), parts: 2, axis: -1)
            x = x + output(tanh(parts[0]) * sigmoid(parts[1]))
        }
        return output(relu(x))
    }
}

/// Encoder and decoder of two layers each (Vaswani et al., 2017).
final class Seq2Seq: Module, UnaryLayer {
    let tokens = Embedding(embeddingCount: 1000, dimensions: 256)
    let transformer = Transformer(
        dimensions: 256, numHeads: 8, encoderLayerCount: 2, decoderLayerCount: 2,
        mlpDimensions: 1024, normFirst: true)
    let output = Linear(256, 1000)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        let (x, all) = (tokens(x), MLXArray.zeros([1, 1]))
        let before = MultiHeadAttention.createAdditiveCausalMask(x.dim(1))
        return output(
            transformer(
                source: x, target: x, sourceMask: all, targetMask: before, memoryMask: all))
    }
}

/// Whether somebody wants something, by eight features out of 100,000.
final class Recommender: Module, UnaryLayer {
    let features = Embedding(embeddingCount: 100_000, dimensions: 32)
    let first = Linear(256, 128)
    let second = Linear(128, 64)
    let output = Linear(64, 2)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        output(relu(second(relu(first(features(x).reshaped(x.dim(0), -1))))))
    }
}
