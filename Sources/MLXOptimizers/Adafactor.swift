import MLX

/// The Adafactor optimizer (Shazeer and Stern, arXiv:1804.04235): the mean squares of a matrix's
/// gradient are kept as one number a row and one a column.
///
/// Parameters with fewer than two axes keep all their mean squares.
open class Adafactor: OptimizerBase<Adafactor.State> {
    /// The size of a step; not looked at under `relativeStep`, and needed without it.
    public var learningRate: Float? = nil {
        didSet { rate._updateInternal(MLXArray(learningRate ?? 0)) }
    }

    /// What is added to squared gradients, and the least scale of a parameter.
    public var eps: (Float, Float) = (1e-30, 1e-3)

    /// The root mean square above which an update is scaled down.
    public var clipThreshold: Float = 1

    /// The exponent of the step in the share of the new mean squares.
    public var decayRate: Float = -0.8

    /// The share of the old mean update in the new one; nil for no mean.
    public var beta1: Float? = nil

    /// The share of the parameter that is taken off, times the size of the step.
    public var weightDecay: Float = 0

    /// Whether the size of the step is relative to the parameter's root mean square.
    public var scaleParameter = true

    /// Whether the size of the step follows from the number of the step.
    public var relativeStep = true

    /// Whether that size rises slowly at first.
    public var warmupInit = false

    private let rate: MLXArray

    /// What ``Adafactor`` keeps for a parameter.
    public struct State: Updatable {
        /// How many steps were made, int32, shape [].
        let step: MLXArray
        /// The means of squares along the last axis, [..., rows].
        let rows: MLXArray?
        /// The means of squares along the axis before, [..., columns].
        let columns: MLXArray?
        /// The mean squares of a parameter with fewer than two axes.
        let squares: MLXArray?
        /// The mean update.
        let mean: MLXArray?

        /// The arrays that there are: the step, the mean squares, the mean update.
        public func innerState() -> [MLXArray] {
            [step, rows, columns, squares, mean].compactMap { $0 }
        }
    }

    /// An optimizer with its constants; without `relativeStep` it needs a learning rate.
    public init(
        learningRate: Float? = nil, eps: (Float, Float) = (1e-30, 1e-3), clipThreshold: Float = 1,
        decayRate: Float = -0.8, beta1: Float? = nil, weightDecay: Float = 0,
        scaleParameter: Bool = true, relativeStep: Bool = true, warmupInit: Bool = false
    ) {
        precondition(
            relativeStep || learningRate != nil,
            "[Adafactor] without relativeStep it needs a learningRate")
        self.learningRate = learningRate
        self.eps = eps
        self.clipThreshold = clipThreshold
        self.decayRate = decayRate
        self.beta1 = beta1
        self.weightDecay = weightDecay
        self.scaleParameter = scaleParameter
        self.relativeStep = relativeStep
        self.warmupInit = warmupInit
        rate = MLXArray(learningRate ?? 0)
    }

    /// All names that arrays of a state may have.
    open override var stateNames: [String] {
        ["step", "exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq", "exp_avg"]
    }

    /// The names of the arrays that the state has.
    open override func stateNames(of state: State) -> [String] {
        let arrays = [state.step, state.rows, state.columns, state.squares, state.mean]
        return zip(stateNames, arrays).filter { $1 != nil }.map(\.0)
    }

    override var rates: [MLXArray] { [rate] }

    override func parameter(ofState arrays: [String: MLXArray]) -> MLXArray? {
        guard let rows = arrays["exp_avg_sq_row"] else { return arrays["exp_avg_sq"] }
        guard let columns = arrays["exp_avg_sq_col"]?.shape.last else { return nil }
        return zeros(rows.shape + [columns], dtype: rows.dtype)
    }

    /// Zeros in the type of the parameter, and step 0.
    override open func newState(parameter: MLXArray) -> State {
        let (shape, dtype) = (parameter.shape, parameter.dtype)
        let isFactored = shape.count >= 2
        return State(
            step: MLXArray(0),
            rows: isFactored ? zeros(shape.dropLast(), dtype: dtype) : nil,
            columns: isFactored ? zeros(shape.dropLast(2) + shape.suffix(1), dtype: dtype) : nil,
            squares: isFactored ? nil : zeros(like: parameter),
            mean: beta1 == nil ? nil : zeros(like: parameter))
    }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: State
    ) -> (MLXArray, State) {
        guard relativeStep || learningRate != nil else {
            ErrorHandler.report(
                .caught("[Adafactor] without relativeStep it needs a learningRate"))
            return (parameter, state)
        }
        let step = state.step + 1
        let size = stepSize(step, rootMeanSquare(parameter))
        let beta2 = 1 - (step.asType(.float32) ** decayRate).asType(parameter.dtype)
        let squares = square(gradient) + eps.0

        func averaged(_ old: MLXArray, _ new: MLXArray) -> MLXArray {
            beta2 * old + (1 - beta2) * new
        }
        let rows = state.rows.map { averaged($0, squares.mean(axis: -1)) }
        let columns = state.columns.map { averaged($0, squares.mean(axis: -2)) }
        let full = state.squares.map { averaged($0, squares) }

        var update = gradient
        if let rows, let columns { update = factors(rows, columns) * gradient }
        if let full { update = rsqrt(full) * gradient }
        update = size * (update / maximum(1, rootMeanSquare(update) / clipThreshold))

        var mean = state.mean
        if let beta1, let old = mean {
            update = beta1 * old + (1 - beta1) * update
            mean = update
        }
        let decay = isDecaying ? weightDecay : 0
        let kept = decay == 0 ? parameter : parameter + parameter * (-decay * size)
        let newState = State(step: step, rows: rows, columns: columns, squares: full, mean: mean)
        return (kept - update, newState)
    }

    private func rootMeanSquare(_ array: MLXArray) -> MLXArray { sqrt(square(array).mean()) }

    private func stepSize(_ step: MLXArray, _ parameterSize: MLXArray) -> MLXArray {
        var size = rate
        if relativeStep {
            let step = step.asType(.float32)
            let most = warmupInit ? 1e-6 * step : MLXArray(Float(1e-2))
            size = minimum(most, rsqrt(step))
        }
        size = size.asType(parameterSize.dtype)
        return scaleParameter ? maximum(eps.1, parameterSize) * size : size
    }

    /// One over the root of the mean squares that rows and columns stand for, [..., rows, columns].
    private func factors(_ rows: MLXArray, _ columns: MLXArray) -> MLXArray {
        let byRow = rsqrt(rows / rows.mean(axis: -1, keepDims: true))
        return expandedDimensions(byRow, axis: -1) * expandedDimensions(rsqrt(columns), axis: -2)
    }
}
