import MLX

/// Two-dimensional convolutions with 3×3 weights and a border of one.
enum ConvolutionCases {
    static func all() -> [Case] {
        both("conv_mnist", images: [32, 28, 28, 1], channels: 32)
            + both("conv_64ch", images: [16, 32, 32, 64], channels: 64)
    }

    private static func both(_ name: String, images: [Int], channels: Int) -> [Case] {
        let flops = 2 * images.reduce(1, *) * channels * 9
        let convolve = { (arrays: [MLXArray]) in [conv2d(arrays[0], arrays[1], padding: 1)] }
        func inputs() -> [MLXArray] { [normal(images), normal([channels, 3, 3, images[3]])] }
        return [
            .flops(name + "_fwd", flops) {
                let inputs = inputs()
                return { eval(convolve(inputs)) }
            },
            .flops(name + "_fwdbwd", 3 * flops) {
                let inputs = inputs()
                let cotangent = MLXArray.ones(images.dropLast() + [channels])
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
