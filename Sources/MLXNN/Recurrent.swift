import MLX

/// An Elman network: hidden = f(input + hidden · Whhᵀ), step by step.
///
/// All parameters are drawn uniformly from ±1/√hiddenSize.
open class RNN: Module {
    /// The number of hidden features.
    public let hiddenSize: Int

    /// The function of each step.
    public let nonLinearity: (MLXArray, StreamOrDevice) -> MLXArray

    /// [hiddenSize, inputs].
    @ParameterInfo(key: "Wxh") public var wxh: MLXArray

    /// [hiddenSize, hiddenSize].
    @ParameterInfo(key: "Whh") public var whh: MLXArray

    /// [hiddenSize], or nil.
    public let bias: MLXArray?

    /// A layer from `inputSize` to `hiddenSize` features.
    public init(
        inputSize: Int, hiddenSize: Int, bias: Bool = true,
        nonLinearity: @escaping (MLXArray, StreamOrDevice) -> MLXArray = { x, _ in tanh(x) }
    ) {
        let weights = RecurrentWeights(inputSize, hiddenSize, gates: 1)
        self.hiddenSize = hiddenSize
        self.nonLinearity = nonLinearity
        _wxh = ParameterInfo(wrappedValue: weights.input(), key: "Wxh")
        _whh = ParameterInfo(wrappedValue: weights.hidden(), key: "Whh")
        self.bias = bias ? weights.bias() : nil
    }

    /// The sizes, and whether there is a bias.
    open override func describeExtra(_ indent: Int) -> String {
        "(inputSize=\(wxh.dim(-1)), hiddenSize=\(hiddenSize), bias=\(bias != nil))"
    }

    /// The hidden state after each step.
    ///
    /// - Parameters:
    ///   - x: [..., steps, inputs].
    ///   - hidden: the state before the first step, [..., hiddenSize]; zeros if nil.
    /// - Returns: [..., steps, hiddenSize].
    open func callAsFunction(_ x: MLXArray, hidden: MLXArray? = nil) -> MLXArray {
        var hidden = hidden
        let back = whh.T
        let states = steps(x, wxh, bias).map { input in
            let sum = hidden.map { addMM(input, $0, back) } ?? input
            let state = nonLinearity(sum, .default)
            hidden = state
            return state
        }
        return stacked(states, axis: -2)
    }
}

/// A network of gated recurrent units (Cho et al., arXiv:1406.1078), gates in the order reset,
/// update, new.
///
/// All parameters are drawn uniformly from ±1/√hiddenSize.
open class GRU: Module {
    /// The number of hidden features.
    public let hiddenSize: Int

    /// [3 · hiddenSize, inputs].
    @ParameterInfo(key: "Wx") public var wx: MLXArray

    /// [3 · hiddenSize, hiddenSize].
    @ParameterInfo(key: "Wh") public var wh: MLXArray

    /// [3 · hiddenSize], or nil.
    public let b: MLXArray?

    /// The bias of the hidden state inside the new gate, [hiddenSize], or nil.
    public let bhn: MLXArray?

    /// A layer from `inputSize` to `hiddenSize` features.
    public init(inputSize: Int, hiddenSize: Int, bias: Bool = true) {
        let weights = RecurrentWeights(inputSize, hiddenSize, gates: 3)
        self.hiddenSize = hiddenSize
        _wx = ParameterInfo(wrappedValue: weights.input(), key: "Wx")
        _wh = ParameterInfo(wrappedValue: weights.hidden(), key: "Wh")
        b = bias ? weights.bias() : nil
        bhn = bias ? RecurrentWeights(inputSize, hiddenSize, gates: 1).bias() : nil
    }

    /// The sizes, and whether there is a bias.
    open override func describeExtra(_ indent: Int) -> String {
        "(inputSize=\(wx.dim(-1)), hiddenSize=\(hiddenSize), bias=\(b != nil))"
    }

    /// The hidden state after each step.
    ///
    /// - Parameters:
    ///   - x: [..., steps, inputs].
    ///   - hidden: the state before the first step, [..., hiddenSize]; zeros if nil.
    /// - Returns: [..., steps, hiddenSize].
    open func callAsFunction(_ x: MLXArray, hidden: MLXArray? = nil) -> MLXArray {
        guard let given = products(x, wx, b) else { return x }
        let layer = RecurrentSequences(name: "GRU", x, width: hiddenSize)
        if let hidden, let refusal = layer.refusal(of: hidden, "hidden") { return refusal }
        let states = gatedRecurrentUnit(
            layer.joined(given), wh, bias: bhn, hidden: layer.first(hidden))
        return layer.apart(states)
    }
}

/// A network of long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order
/// input, forget, cell, output.
///
/// All parameters are drawn uniformly from ±1/√hiddenSize.
open class LSTM: Module {
    /// The number of hidden features.
    public let hiddenSize: Int

    /// [4 · hiddenSize, inputs].
    @ParameterInfo(key: "Wx") public var wx: MLXArray

    /// [4 · hiddenSize, hiddenSize].
    @ParameterInfo(key: "Wh") public var wh: MLXArray

    /// [4 · hiddenSize], or nil.
    public let bias: MLXArray?

    /// A layer from `inputSize` to `hiddenSize` features.
    public init(inputSize: Int, hiddenSize: Int, bias: Bool = true) {
        let weights = RecurrentWeights(inputSize, hiddenSize, gates: 4)
        self.hiddenSize = hiddenSize
        _wx = ParameterInfo(wrappedValue: weights.input(), key: "Wx")
        _wh = ParameterInfo(wrappedValue: weights.hidden(), key: "Wh")
        self.bias = bias ? weights.bias() : nil
    }

    /// The sizes, and whether there is a bias.
    open override func describeExtra(_ indent: Int) -> String {
        "(inputSize=\(wx.dim(-1)), hiddenSize=\(hiddenSize), bias=\(bias != nil))"
    }

    /// The hidden and the cell state after each step.
    ///
    /// - Parameters:
    ///   - x: [..., steps, inputs].
    ///   - hidden: the hidden state before the first step, [..., hiddenSize]; zeros if nil.
    ///   - cell: the cell state before the first step, [..., hiddenSize]; zeros if nil.
    /// - Returns: both states, [..., steps, hiddenSize].
    open func callAsFunction(
        _ x: MLXArray, hidden: MLXArray? = nil, cell: MLXArray? = nil
    ) -> (MLXArray, MLXArray) {
        guard let given = products(x, wx, bias) else { return (x, x) }
        let layer = RecurrentSequences(name: "LSTM", x, width: hiddenSize)
        for (state, name) in [(hidden, "hidden"), (cell, "cell")] {
            if let state, let refusal = layer.refusal(of: state, name) { return (refusal, x) }
        }
        let states = longShortTermMemory(
            layer.joined(given), wh, hidden: layer.first(hidden), cell: layer.first(cell))
        return (layer.apart(states.0), layer.apart(states.1))
    }
}

/// The shapes of a layer that takes all steps at once: any axes before those of steps and features
/// become one.
private struct RecurrentSequences {
    let name: String
    private let before: [Int]
    private let steps: Int
    private let width: Int

    init(name: String, _ x: MLXArray, width: Int) {
        self.name = name
        (before, steps, self.width) = (Array(x.shape.dropLast(2)), x.dim(-2), width)
    }

    private var batch: Int { before.reduce(1, *) }

    /// What is returned in place of a state before the first step of another shape.
    func refusal(of state: MLXArray, _ kind: String) -> MLXArray? {
        let expected = before + [width]
        if state.shape.stretches(to: expected) { return nil }
        return refused(
            state,
            "[\(name)] the \(kind) state before the first step has the shape \(state.shape) "
                + "instead of \(expected)")
    }

    func first(_ state: MLXArray?) -> MLXArray? {
        state.map { reshaped(broadcast($0, to: before + [width]), [batch, width]) }
    }

    func joined(_ x: MLXArray) -> MLXArray { reshaped(x, [batch, steps, x.dim(-1)]) }

    func apart(_ x: MLXArray) -> MLXArray { reshaped(x, before + [steps, width]) }
}

/// The first parameters of a recurrent layer with some gates.
private struct RecurrentWeights {
    let inputSize: Int
    let hiddenSize: Int
    let gates: Int

    init(_ inputSize: Int, _ hiddenSize: Int, gates: Int) {
        (self.inputSize, self.hiddenSize, self.gates) = (inputSize, hiddenSize, gates)
    }

    func input() -> MLXArray { drawn([gates * hiddenSize, inputSize]) }

    func hidden() -> MLXArray { drawn([gates * hiddenSize, hiddenSize]) }

    func bias() -> MLXArray { drawn([gates * hiddenSize]) }

    private func drawn(_ shape: [Int]) -> MLXArray {
        let bound = (1 / Float(hiddenSize)).squareRoot()
        return MLXRandom.uniform(low: -bound, high: bound, shape)
    }
}

/// The products of all steps with the weight, made at once, then one array a step.
private func steps(_ x: MLXArray, _ weight: MLXArray, _ bias: MLXArray?) -> [MLXArray] {
    guard let products = products(x, weight, bias) else {
        return [MLXArray.zeros(x.shape.dropLast(2) + [weight.dim(0)])]
    }
    return unstacked(products)
}

/// The products of all steps with the weight, and the bias; nil after an error.
private func products(_ x: MLXArray, _ weight: MLXArray, _ bias: MLXArray?) -> MLXArray? {
    guard x.ndim >= 2, x.dim(-2) > 0, x.dim(-1) == weight.dim(-1) else {
        let message =
            "[recurrent] takes [..., steps, \(weight.dim(-1))] with at least one step, "
            + "got the shape \(x.shape)"
        ErrorHandler.report(.caught(message))
        return nil
    }
    return bias.map { addMM($0, x, weight.T) } ?? matmul(x, weight.T)
}

/// The arrays along the last axis but one. Their gradients are put together at once; those of
/// slices would each fill an array as large as all steps.
private func unstacked(_ x: MLXArray) -> [MLXArray] {
    let function = CustomFunction {
        Forward { arrays in
            split(arrays[0], parts: arrays[0].dim(-2), axis: -2).map { $0.squeezed(axis: -2) }
        }
        VJP { _, cotangents in [stacked(cotangents, axis: -2)] }
    }
    return function([x])
}

extension [Int] {
    /// Whether an array of this shape can be broadcast to another.
    fileprivate func stretches(to shape: [Int]) -> Bool {
        count <= shape.count && zip(reversed(), shape.reversed()).allSatisfy { $0 == $1 || $0 == 1 }
    }
}
