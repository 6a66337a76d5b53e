import MLX
import MLXNN

/// Chains of elementwise operations.
enum ElementwiseCases {
    static func all() -> [Case] {
        [12, 20, 24].flatMap { power in
            [
                elementwise("eltwise_2^\(power)_eager", 1 << power) { mixture },
                elementwise("eltwise_2^\(power)_compiled", 1 << power) { compile(mixture) },
            ]
        } + [
            elementwise("gelu_2^20_fwd", 1 << 20) { geluApproximate },
            .elements("gelu_2^20_bwd", 1 << 20) {
                let (x, cotangent) = (normal([1 << 20]), normal([1 << 20]))
                return {
                    // Only the gradient is evaluated.
                    eval(
                        vjp(
                            { [geluApproximate($0[0])] }, primals: [x], cotangents: [cotangent]
                        ).1)
                }
            },
        ]
    }

    static func mixture(_ x: MLXArray) -> MLXArray {
        tanh(x * 0.5 + 0.1) * sigmoid(x) + exp(-x * x)
    }

    static func elementwise(
        _ name: String, _ count: Int, _ function: @escaping () -> (MLXArray) -> MLXArray
    ) -> Case {
        .elements(name, count) {
            let x = normal([count])
            let function = function()
            return { eval(function(x)) }
        }
    }
}
