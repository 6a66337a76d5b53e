import MLX
import MLXNN

extension LayerFixture {
    /// The layer with the name and the arguments of the case.
    func make() -> Layer? {
        simple() ?? convolution() ?? normalization() ?? window() ?? position() ?? sequence()
            ?? loss()
    }

    private func ints(_ name: String) -> [Int] { (arguments[name] ?? []).map { Int($0) } }

    private func int(_ name: String) -> Int { ints(name).first ?? 0 }

    private func flag(_ name: String) -> Bool { int(name) == 1 }

    private func simple() -> Layer? {
        switch layer {
        case "Linear": Layer(Linear(int("input"), int("output"), bias: flag("bias")))
        case "Bilinear":
            Layer(Bilinear(ints("input")[0], ints("input")[1], int("output"), bias: flag("bias"))) {
                [$0($1[0], $1[1])]
            }
        case "Embedding":
            Layer(Embedding(embeddingCount: int("input"), dimensions: int("output")))
        case "PReLU": Layer(PReLU(count: int("count")))
        default: nil
        }
    }

    private func convolution() -> Layer? {
        let (i, o, g, b) = (int("input"), int("output"), int("groups"), flag("bias"))
        let (k, s, p) = (ints("kernel"), ints("stride"), ints("padding"))
        let (d, e) = (ints("dilation"), ints("outputPadding"))
        switch layer {
        case "Conv1d":
            return Layer(
                Conv1d(
                    inputChannels: i, outputChannels: o, kernelSize: k[0], stride: s[0],
                    padding: p[0], dilation: d[0], groups: g, bias: b))
        case "Conv2d":
            return Layer(
                Conv2d(
                    inputChannels: i, outputChannels: o, kernelSize: IntOrPair(k),
                    stride: IntOrPair(s), padding: IntOrPair(p), dilation: IntOrPair(d),
                    groups: g, bias: b))
        case "Conv3d":
            return Layer(
                Conv3d(
                    inputChannels: i, outputChannels: o, kernelSize: IntOrTriple(k),
                    stride: IntOrTriple(s), padding: IntOrTriple(p), dilation: IntOrTriple(d),
                    groups: g, bias: b))
        case "ConvTransposed1d":
            return Layer(
                ConvTransposed1d(
                    inputChannels: i, outputChannels: o, kernelSize: k[0], stride: s[0],
                    padding: p[0], outputPadding: e[0], dilation: d[0], groups: g, bias: b))
        case "ConvTransposed2d":
            return Layer(
                ConvTransposed2d(
                    inputChannels: i, outputChannels: o, kernelSize: IntOrPair(k),
                    stride: IntOrPair(s), padding: IntOrPair(p), outputPadding: IntOrPair(e),
                    dilation: IntOrPair(d), groups: g, bias: b))
        case "ConvTransposed3d":
            return Layer(
                ConvTransposed3d(
                    inputChannels: i, outputChannels: o, kernelSize: IntOrTriple(k),
                    stride: IntOrTriple(s), padding: IntOrTriple(p), outputPadding: IntOrTriple(e),
                    dilation: IntOrTriple(d), groups: g, bias: b))
        default: return nil
        }
    }

    private func normalization() -> Layer? {
        let (count, affine) = (int("count"), flag("affine"))
        return switch layer {
        case "InstanceNorm": Layer(InstanceNorm(dimensions: count, affine: affine))
        case "LayerNorm": Layer(LayerNorm(dimensions: count, affine: affine, bias: flag("bias")))
        case "RMSNorm": Layer(RMSNorm(dimensions: count))
        case "GroupNorm":
            Layer(
                GroupNorm(
                    groupCount: int("groups"), dimensions: count, affine: affine,
                    pytorchCompatible: flag("compatible")))
        case "BatchNorm":
            Layer(BatchNorm(featureCount: count, affine: affine, trackRunningStats: flag("track")))
        default: nil
        }
    }

    private func window() -> Layer? {
        let (k, s, p) = (ints("kernel"), ints("stride"), ints("padding"))
        switch layer {
        case "MaxPool1d": return Layer(MaxPool1d(kernelSize: k[0], stride: s[0], padding: p[0]))
        case "AvgPool1d": return Layer(AvgPool1d(kernelSize: k[0], stride: s[0], padding: p[0]))
        case "MaxPool2d", "AvgPool2d":
            let (k, s, p) = (IntOrPair(k), IntOrPair(s), IntOrPair(p))
            return layer.hasPrefix("Max")
                ? Layer(MaxPool2d(kernelSize: k, stride: s, padding: p))
                : Layer(AvgPool2d(kernelSize: k, stride: s, padding: p))
        case "MaxPool3d", "AvgPool3d":
            let (k, s, p) = (IntOrTriple(k), IntOrTriple(s), IntOrTriple(p))
            return layer.hasPrefix("Max")
                ? Layer(MaxPool3d(kernelSize: k, stride: s, padding: p))
                : Layer(AvgPool3d(kernelSize: k, stride: s, padding: p))
        case "Upsample":
            let align = flag("align")
            let modes: [Upsample.Mode] = [
                .nearest, .linear(alignCorners: align), .cubic(alignCorners: align),
            ]
            let scale = (arguments["scale"] ?? []).map { Float($0) }
            return Layer(Upsample(scaleFactor: .array(scale), mode: modes[int("mode")]))
        default: return nil
        }
    }

    private func position() -> Layer? {
        switch layer {
        case "RoPE":
            return Layer(
                RoPE(
                    dimensions: int("count"), traditional: flag("traditional"),
                    base: Float(int("base")), scale: 0.5))
        case "SinusoidalPositionalEncoding":
            return Layer(
                SinusoidalPositionalEncoding(
                    dimensions: int("count"), scale: arguments["scale"]?.first.map { Float($0) },
                    cosineFirst: flag("cosine"), fullTurns: flag("turns")))
        case "ALiBi":
            let offset = int("offset")
            return Layer(ALiBi()) {
                [
                    $0(
                        attentionScores: $1[0], offset: offset,
                        mask: $1.count > 1 ? $1[1] : nil)
                ]
            }
        default: return nil
        }
    }

    private func sequence() -> Layer? {
        let (i, o, b) = (int("input"), int("output"), flag("bias"))
        let (count, heads, first) = (int("count"), int("heads"), flag("first"))
        switch layer {
        case "RNN":
            return Layer(RNN(inputSize: i, hiddenSize: o, bias: b)) {
                [$0($1[0], hidden: $1.count > 1 ? $1[1] : nil)]
            }
        case "GRU":
            return Layer(GRU(inputSize: i, hiddenSize: o, bias: b)) {
                [$0($1[0], hidden: $1.count > 1 ? $1[1] : nil)]
            }
        case "LSTM":
            return Layer(LSTM(inputSize: i, hiddenSize: o, bias: b)) {
                let given = $1.count > 1
                let states = $0(
                    $1[0], hidden: given ? $1[1] : nil, cell: given ? $1[2] : nil)
                return [states.0, states.1]
            }
        case "MultiHeadAttention":
            let sizes = ints("sizes")
            func size(_ index: Int) -> Int? { sizes.isEmpty ? nil : sizes[index] }
            let attention = MultiHeadAttention(
                dimensions: count, numHeads: heads, queryInputDimensions: size(0),
                keyInputDimensions: size(1), valueInputDimensions: size(2),
                valueDimensions: size(3), valueOutputDimensions: size(4), bias: b)
            return Layer(attention) {
                [$0($1[0], keys: $1[1], values: $1[2], mask: $1.count > 3 ? $1[3] : nil)]
            }
        case "TransformerEncoder":
            let encoder = TransformerEncoder(
                layerCount: int("layers"), dimensions: count, numHeads: heads,
                mlpDimensions: int("mlp"), normFirst: first)
            return Layer(encoder) { [$0($1[0], mask: $1[1])] }
        case "Transformer":
            let transformer = Transformer(
                dimensions: count, numHeads: heads, encoderLayerCount: ints("layers")[0],
                decoderLayerCount: ints("layers")[1], mlpDimensions: int("mlp"), normFirst: first)
            return Layer(transformer) {
                [
                    $0(
                        source: $1[0], target: $1[1], sourceMask: $1[2], targetMask: $1[3],
                        memoryMask: $1[4])
                ]
            }
        default: return nil
        }
    }

    private func loss() -> Layer? {
        guard layer == "crossEntropy" else { return nil }
        let reductions: [LossReduction] = [.none, .mean, .sum]
        let reduction = reductions[int("reduction")]
        let smoothing = Float(arguments["smoothing"]?.first ?? 0)
        return Layer(Module()) {
            [
                crossEntropy(
                    logits: $1[0], targets: $1[1], labelSmoothing: smoothing, reduction: reduction)
            ]
        }
    }
}
