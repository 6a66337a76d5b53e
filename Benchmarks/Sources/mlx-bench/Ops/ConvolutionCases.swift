import MLX
import MLXNN

/// Convolutions with a border of one, and means of windows.
enum ConvolutionCases {
    static func all() -> [Case] {
        let batch = [16, 32, 32, 64]
        return both("conv_mnist", [32, 28, 28, 1], [32, 3, 3, 1])
            + both("conv_64ch", batch, [64, 3, 3, 64])
            + both("conv_depthwise", batch, [64, 3, 3, 1], groups: 64)
            + both("conv_groups4", batch, [64, 3, 3, 16], groups: 4)
            + both("conv_strided", batch, [128, 3, 3, 64], places: [16, 16, 16]) {
                conv2d($0, $1, stride: 2, padding: 1)
            }
            + both("conv_transposed", [16, 32, 32, 32], [32, 4, 4, 32], results: [16, 64, 64]) {
                convTransposed2d($0, $1, stride: 2, padding: 1)
            }
            + both("conv_small", [32, 7, 7, 512], [512, 3, 3, 512])
            + both("conv_volume", [4, 16, 16, 16, 16], [32, 3, 3, 3, 16]) {
                conv3d($0, $1, padding: 1)
            }
            + both("conv_64ch_bf16", batch, [64, 3, 3, 64], dtype: .bfloat16)
            + [2, 3].map(means)
    }

    /// The means of windows of a size, side by side or at every pixel.
    private static func means(_ size: Int) -> Case {
        .elements("avgpool_\(size)x\(size)", 16 * 64 * 64 * 32) {
            let pool = AvgPool2d(kernelSize: IntOrPair(size), stride: size == 2 ? 2 : 1)
            let images = normal([16, 64, 64, 32])
            return { eval(pool(images)) }
        }
    }

    private static func both(
        _ name: String, _ images: [Int], _ kernels: [Int], groups: Int, dtype: DType = .float32
    ) -> [Case] {
        both(name, images, kernels, dtype: dtype) { conv2d($0, $1, padding: 1, groups: groups) }
    }

    /// A convolution and its gradients. Each of its places takes as many multiplications as a kernel
    /// has elements; the places are those of the images, and so are those of the results, unless
    /// they are given.
    private static func both(
        _ name: String, _ images: [Int], _ kernels: [Int], places: [Int]? = nil,
        results: [Int]? = nil, dtype: DType = .float32,
        _ convolve: @escaping (MLXArray, MLXArray) -> MLXArray = {
            conv2d($0, $1, padding: 1)
        }
    ) -> [Case] {
        let places = places ?? Array(images.dropLast())
        let flops = 2 * places.reduce(1, *) * kernels.reduce(1, *)
        func inputs() -> [MLXArray] {
            let inputs = [images, kernels].map { normal($0).asType(dtype) }
            eval(inputs)
            return inputs
        }
        return [
            .flops(name + "_fwd", flops) {
                let inputs = inputs()
                return { eval(convolve(inputs[0], inputs[1])) }
            },
            .flops(name + "_fwdbwd", 3 * flops) {
                let inputs = inputs()
                let cotangent = MLXArray.ones((results ?? places) + [kernels[0]], dtype: dtype)
                cotangent.eval()
                return {
                    let (results, gradients) = vjp(
                        { [convolve($0[0], $0[1])] }, primals: inputs, cotangents: [cotangent])
                    eval(results, gradients)
                }
            },
        ]
    }
}
