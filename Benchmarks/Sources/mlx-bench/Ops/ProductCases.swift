import MLX

/// Matrix products.
enum ProductCases {
    static func all() -> [Case] {
        [
            product("matmul_f32_512", 512, 512, 512),
            product("matmul_f32_1024", 1024, 1024, 1024),
            product("matmul_f32_2048", 2048, 2048, 2048),
            product("matmul_f32_1x4096x4096", 1, 4096, 4096),
            product("matmul_f32_64x4096x1024", 64, 4096, 1024),
            product("matmul_f32_16x4096x1024", 16, 4096, 1024),
            // As an adapter of rank 16 multiplies.
            product("matmul_f32_768x16x4096", 768, 16, 4096),
            linear("linear_f32_2x4096x1024", 2, 4096, 1024),
            linear("linear_f32_8x4096x1024", 8, 4096, 1024),
            product("matmul_bf16_1024", 1024, 1024, 1024, .bfloat16),
            products("matmul_planes_4", planes: 16384, 4),
            products("matmul_planes_16", planes: 4096, 16),
        ]
    }

    /// Of many square matrices.
    private static func products(_ name: String, planes: Int, _ n: Int) -> Case {
        .flops(name, 2 * planes * n * n * n) {
            let (a, b) = (normal([planes, n, n]), normal([planes, n, n]))
            return { eval(matmul(a, b)) }
        }
    }

    /// [m, k] times the transpose of [n, k], as layers keep their weights.
    private static func linear(_ name: String, _ m: Int, _ k: Int, _ n: Int) -> Case {
        .flops(name, 2 * m * k * n) {
            let (x, weights) = (normal([m, k]), normal([n, k]))
            return { eval(matmul(x, weights.T)) }
        }
    }

    /// [m, k] times [k, n]
    static func product(
        _ name: String, _ m: Int, _ k: Int, _ n: Int, _ dtype: DType = .float32
    ) -> Case {
        .flops(name, 2 * m * k * n) {
            let a = MLXRandom.normal([m, k], dtype: dtype)
            let b = MLXRandom.normal([k, n], dtype: dtype)
            eval(a, b)
            return { eval(matmul(a, b)) }
        }
    }
}
