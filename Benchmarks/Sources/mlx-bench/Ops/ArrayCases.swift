import MLX
import MLXNN

/// What programs do with arrays beside training: transforms, functions, and elements on the move.
enum ArrayCases {
    static func all() -> [Case] {
        transforms() + functions() + moves() + moments() + normalised() + recurrent()
    }

    private static func moments() -> [Case] {
        func made(_ name: String, _ moment: @escaping (MLXArray) -> MLXArray) -> Case {
            .elements(name + "_2048", 2048 * 2048) {
                let x = normal([2048, 2048])
                return { eval(moment(x)) }
            }
        }
        return [
            made("variance_axis0") { $0.variance(axis: 0) },
            made("variance_axis1") { $0.variance(axis: 1) },
            made("norm_rows") { MLXLinalg.norm($0, axis: 1) },
            made("logsoftmax_rows") { logSoftmax($0, axis: 1) },
            made("top10_rows") { top($0, k: 10, axis: 1) },
        ]
    }

    private static func normalised() -> [Case] {
        func made(_ name: String, _ layer: @escaping () -> any UnaryLayer) -> Case {
            .elements(name + "_16x64x64x32", 16 * 64 * 64 * 32) {
                let (x, layer) = (normal([16, 64, 64, 32]), layer())
                return { eval(layer(x), layer) }
            }
        }
        return [
            made("batchnorm") { BatchNorm(featureCount: 32) },
            made("groupnorm") {
                GroupNorm(groupCount: 8, dimensions: 32, pytorchCompatible: true)
            },
            .elements("stack_64_of_64x64", 64 * 64 * 64) {
                let parts = (0..<64).map { _ in normal([64, 64]) }
                return { eval(stacked(parts)) }
            },
        ]
    }

    /// Layers of 256 hidden features over 32 sequences of 64 steps with 128 inputs.
    private static func recurrent() -> [Case] {
        func made(_ name: String, _ make: @escaping () -> (Module, (MLXArray) -> MLXArray))
            -> [Case]
        {
            [false, true].map { isBackward in
                let full = "\(name)_32x64x256_" + (isBackward ? "fwdbwd" : "fwd")
                return .elements(full, 32 * 64 * 256) {
                    let (x, (layer, function)) = (normal([32, 64, 128]), make())
                    eval(layer)
                    guard isBackward else { return { eval(function(x)) } }
                    let parameters = layer.parameters().flattened()
                    let cotangent = MLXArray.ones([32, 64, 256])
                    return {
                        let gradients = vjp(
                            { arrays in
                                let named = zip(parameters.map(\.0), arrays.dropFirst())
                                layer.update(parameters: .unflattened(Array(named)))
                                return [function(arrays[0])]
                            }, primals: [x] + parameters.map(\.1), cotangents: [cotangent]
                        ).1
                        layer.update(parameters: .unflattened(parameters))
                        eval(gradients)
                    }
                }
            }
        }
        return made("lstm") {
            let layer = LSTM(inputSize: 128, hiddenSize: 256)
            return (layer, { layer($0).0 })
        }
            + made("gru") {
                let layer = GRU(inputSize: 128, hiddenSize: 256)
                return (layer, { layer($0) })
            }
    }

    private static func transforms() -> [Case] {
        func fourier(
            _ name: String, _ shape: [Int], _ transform: @escaping (MLXArray) -> MLXArray
        ) -> Case {
            .elements(name, shape.reduce(1, *)) {
                let x = normal(shape)
                let numbers = name.hasPrefix("rfft") ? x : x.asType(.complex64)
                numbers.eval()
                return { eval(transform(numbers)) }
            }
        }
        return [
            fourier("fft_2^20", [1 << 20]) { MLXFFT.fft($0) },
            fourier("fft_1024x1024", [1024, 1024]) { MLXFFT.fft($0) },
            fourier("rfft_1024x1024", [1024, 1024]) { MLXFFT.rfft($0) },
            fourier("fft2_1024x1024", [1024, 1024]) { MLXFFT.fft2($0) },
        ]
    }

    private static func functions() -> [Case] {
        func pair(
            _ name: String, _ function: @escaping (MLXArray, MLXArray) -> MLXArray
        ) -> Case {
            .elements(name + "_2^20", 1 << 20) {
                let (x, y) = (normal([1 << 20]), abs(normal([1 << 20])) + 0.1)
                y.eval()
                return { eval(function(x, y)) }
            }
        }
        return [
            pair("power") { pow($1, $0) },
            pair("cube") { x, _ in pow(x, 3) },
            pair("arctan2") { atan2($0, $1) },
            pair("remainder") { remainder($0, $1) },
            pair("tan") { x, _ in tan(x) },
            pair("gelu_erf") { x, _ in gelu(x) },
        ]
    }

    private static func moves() -> [Case] {
        let side = 2048
        func moved(
            _ name: String, _ move: @escaping (MLXArray, MLXArray) -> MLXArray
        ) -> Case {
            .elements("\(name)_\(side)", side * side) {
                let x = normal([side, side])
                let indices = MLXRandom.randInt(0..<side, [side, side]).asType(.int64)
                indices.eval()
                return { eval(move(x, indices)) }
            }
        }
        return [
            moved("concatenate") { x, _ in concatenated([x, x], axis: 1) },
            moved("roll") { x, _ in roll(x, shift: 100, axis: 1) },
            moved("take_along0") { takeAlong($0, $1, axis: 0) },
            moved("take_along1") { takeAlong($0, $1, axis: 1) },
            moved("put_along0") { putAlong($0, $1, values: $0, axis: 0) },
            moved("put_along1") { putAlong($0, $1, values: $0, axis: 1) },
        ]
    }
}
