import CKernels
import Glibc

/// One step of an optimizer on one parameter, in one pass over its memory.
///
/// Inputs: the parameter, its gradient and its state, of one shape, then numbers of shape []: the
/// learning rate and what else the rule asks for. Outputs: the parameter and the state after the
/// step, in the memory of those before it where nobody else needs them.
protocol OptimizerStep: Portable {
    /// The kernels by element type.
    static var kernels: Kernels.UpdateTable { get }

    /// The number of arrays in the parameter's state.
    static var stateCount: Int { get }

    /// What the kernel is told, given the numbers among the inputs.
    func constants(_ numbers: [Double]) -> [Double]

    /// The outputs as array expressions.
    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray]
}

/// What steps with so many arrays of state write over.
private let overwritten: [[Int?]] = (0...2).map { [0] + (2..<2 + $0).map { $0 } }

extension OptimizerStep {
    package var name: String { lowercasedTypeName(Self.self) }

    private var arrayCount: Int { 2 + Self.stateCount }

    package var overwrites: [Int?] { overwritten[Self.stateCount] }

    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (arrays, numbers) = (inputs.prefix(arrayCount), inputs.dropFirst(arrayCount))
        let shape = inputs[0].shape
        guard arrays.allSatisfy({ $0.shape == shape }) else {
            throw refusal(
                "the shapes of parameter, gradient and state differ: \(arrays.map(\.shape))")
        }
        guard arrays.allSatisfy({ $0.dtype.isFloatingPoint && !$0.dtype.isComplex }) else {
            let types = arrays.map { "\($0.dtype)" }.joined(separator: ", ")
            throw refusal("not defined for \(types)")
        }
        guard numbers.allSatisfy({ $0.shape.isEmpty && !$0.dtype.isComplex }) else {
            throw refusal("the learning rate has one number, got \(numbers.map(\.shape))")
        }
        return (0...Self.stateCount).map { Spec(shape, resultType($0) { inputs[$0].dtype }) }
    }

    /// The type of an output, by promotion of those of the inputs.
    private func resultType(_ output: Int, _ input: (Int) -> DType) -> DType {
        var state = input(1)
        for place in 2..<arrayCount { state = DType.promoted(state, input(place)) }
        return output == 0 ? DType.promoted(input(0), state) : state
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = outputs[0].dtype.computed
        guard let kernel = Self.kernels(computed.code) else { return }
        let numbers = inputs.dropFirst(arrayCount).map(\.number)
        UpdateTiles(inputs.prefix(arrayCount), into: outputs, computed: computed)
            .run(kernel, constants(numbers), on: workers)
    }

    /// The outputs as array expressions in the type that the kernel computes in.
    func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let types = (0...Self.stateCount).map { resultType($0) { inputs[$0].dtype } }
        let wide = inputs.map { $0.asType(types[0].computed) }
        let results = expressions(
            wide[0], wide[1], Array(wide[2..<arrayCount]), Array(wide[arrayCount...]))
        return zip(results, types).map { $0.asType($1) }
    }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let arrays = (0..<arrayCount).map { batch.stretched(inputs[$0], $0) }
        let numbers = Array(inputs[arrayCount...])
        guard batch.isBatched[arrayCount...].contains(true) else {
            return MLXArray.results(of: self, arrays + numbers, count: 1 + Self.stateCount)
                .map { Batched($0) }
        }
        // The kernel takes one number for all elements.
        let ones = [Int](repeating: 1, count: arrays[0].ndim - 1)
        let spread = numbers.map { $0.ndim == 0 ? $0 : reshaped($0, [batch.size] + ones) }
        return composed(arrays + spread).map { Batched($0) }
    }
}

/// Gradient descent with a decay that is part of the gradient.
struct DescentStep: OptimizerStep {
    static let kernels: Kernels.UpdateTable = ck_descent
    static let stateCount = 0
    let decay: Float

    func constants(_ numbers: [Double]) -> [Double] { [numbers[0], Double(decay)] }

    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        [p - numbers[0] * (g + decay * p)]
    }
}

/// Gradient descent with momentum: state velocity.
struct MomentumStep: OptimizerStep {
    static let kernels: Kernels.UpdateTable = ck_momentum
    static let stateCount = 1
    let decay: Float
    let momentum: Float
    let dampening: Float
    let nesterov: Bool

    func constants(_ numbers: [Double]) -> [Double] {
        [
            numbers[0], Double(decay), Double(momentum), Double(1 - dampening), nesterov ? 1 : 0,
        ]
    }

    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        let g = g + decay * p
        let v = momentum * state[0] + (1 - dampening) * g
        return [p - numbers[0] * (nesterov ? g + momentum * v : v), v]
    }
}

/// A gradient over the root of its mean square, or of its sum of squares: state squares.
struct RootMeanSquareStep: OptimizerStep {
    static let kernels: Kernels.UpdateTable = ck_rms_descent
    static let stateCount = 1
    /// The share of the state that stays.
    let kept: Float
    /// The share of the new square.
    let share: Float
    let eps: Float

    func constants(_ numbers: [Double]) -> [Double] {
        [numbers[0], Double(kept), Double(share), Double(eps)]
    }

    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        let v = kept * state[0] + share * square(g)
        return [p - numbers[0] * g / (sqrt(v) + eps), v]
    }
}

/// A gradient over the root of its mean square, times that of the steps: state squares, steps.
struct AdaDeltaStep: OptimizerStep {
    static let kernels: Kernels.UpdateTable = ck_adadelta
    static let stateCount = 2
    let rho: Float
    let eps: Float

    func constants(_ numbers: [Double]) -> [Double] {
        [numbers[0], Double(rho), Double(1 - rho), Double(eps)]
    }

    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        let v = rho * state[0] + (1 - rho) * square(g)
        let d = sqrt(state[1] + eps) / sqrt(v + eps) * g
        return [p - numbers[0] * d, v, rho * state[1] + (1 - rho) * square(d)]
    }
}

/// A running mean of the gradient over the root of that of its square: state means, squares.
///
/// With the number of the step beside the learning rate both are corrected for their start at 0.
struct AdamStep: OptimizerStep {
    static let kernels: Kernels.UpdateTable = ck_adam
    static let stateCount = 2
    let first: Float
    let second: Float
    let eps: Float
    /// What is taken off the parameter beforehand, times the learning rate.
    let decay: Float

    func constants(_ numbers: [Double]) -> [Double] {
        let (rate, step) = (numbers[0], numbers.count > 1 ? numbers[1] : nil)
        let correction = step.map { -expm1($0 * log(Double(first))) } ?? 1
        let factor = step.map { 1 / (-expm1($0 * log(Double(second)))).squareRoot() } ?? 1
        return [
            rate / correction, Double(first), Double(1 - first), Double(second),
            Double(1 - second), Double(eps), 1 - rate * Double(decay), factor,
        ]
    }

    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        let m = first * state[0] + (1 - first) * g
        let v = second * state[1] + (1 - second) * square(g)
        var (rate, root) = (numbers[0], sqrt(v))
        if numbers.count > 1 {
            rate = rate / grown(first, numbers[1])
            root = root * rsqrt(grown(second, numbers[1]))
        }
        return [p * (1 - numbers[0] * decay) - rate * m / (root + eps), m, v]
    }

    /// 1 - shareᵗ, without the cancellation of a share near 1.
    private func grown(_ share: Float, _ step: MLXArray) -> MLXArray {
        -expm1(step * log(Double(share)))
    }
}

/// A running mean of the gradient over its largest fading magnitude: state means, largest.
struct AdamaxStep: OptimizerStep {
    static let kernels: Kernels.UpdateTable = ck_adamax
    static let stateCount = 2
    let first: Float
    let second: Float
    let eps: Float

    func constants(_ numbers: [Double]) -> [Double] {
        [numbers[0], Double(first), Double(1 - first), Double(second), Double(eps)]
    }

    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        let m = first * state[0] + (1 - first) * g
        let v = maximum(second * state[1], abs(g))
        return [p - numbers[0] * m / (v + eps), m, v]
    }
}

/// The sign of a running mean of the gradient: state means.
struct LionStep: OptimizerStep {
    static let kernels: Kernels.UpdateTable = ck_lion
    static let stateCount = 1
    let first: Float
    let second: Float
    /// What is taken off the parameter beforehand, times the learning rate.
    let decay: Float

    func constants(_ numbers: [Double]) -> [Double] {
        [
            numbers[0], Double(first), Double(1 - first), Double(second), Double(1 - second),
            1 - numbers[0] * Double(decay),
        ]
    }

    func expressions(
        _ p: MLXArray, _ g: MLXArray, _ state: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        let c = first * state[0] + (1 - first) * g
        let m = second * state[0] + (1 - second) * g
        return [(1 - numbers[0] * decay) * p - numbers[0] * sign(c), m]
    }
}

extension OptimizerStep {
    package func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 3 + Self.stateCount }
}

extension AdamStep {
    package func isSound(_ inputs: [Spec]) -> Bool { 5...6 ~= inputs.count }
}
