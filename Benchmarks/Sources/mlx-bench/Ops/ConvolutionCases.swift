import MLX

/// Convolutions with kernels of 3 along every axis and a border of one.
enum ConvolutionCases {
    static func all() -> [Case] {
        both("conv_mnist", [32, 28, 28, 1], [32, 3, 3, 1])
            + both("conv_64ch", [16, 32, 32, 64], [64, 3, 3, 64])
            + both("conv_depthwise", [16, 32, 32, 64], [64, 3, 3, 1], groups: 64)
            + both("conv_groups4", [16, 32, 32, 64], [64, 3, 3, 16], groups: 4)
            + both("conv_volume", [4, 16, 16, 16, 16], [32, 3, 3, 3, 16])
            + both("conv_64ch_bf16", [16, 32, 32, 64], [64, 3, 3, 64], dtype: .bfloat16)
    }

    private static func both(
        _ name: String, _ images: [Int], _ kernels: [Int], groups: Int = 1,
        dtype: DType = .float32
    ) -> [Case] {
        let places = images.dropLast()
        let flops = 2 * places.reduce(1, *) * kernels.reduce(1, *)
        let convolve = { (arrays: [MLXArray]) in
            images.count == 5
                ? [conv3d(arrays[0], arrays[1], padding: 1)]
                : [conv2d(arrays[0], arrays[1], padding: 1, groups: groups)]
        }
        func inputs() -> [MLXArray] {
            let inputs = [images, kernels].map { normal($0).asType(dtype) }
            eval(inputs)
            return inputs
        }
        return [
            .flops(name + "_fwd", flops) {
                let inputs = inputs()
                return { eval(convolve(inputs)) }
            },
            .flops(name + "_fwdbwd", 3 * flops) {
                let inputs = inputs()
                let cotangent = MLXArray.ones(places + [kernels[0]], dtype: dtype)
                cotangent.eval()
                return {
                    let (results, gradients) = vjp(
                        convolve, primals: inputs, cotangents: [cotangent])
                    eval(results, gradients)
                }
            },
        ]
    }
}
