import MLX

/// Operations on rows: normalisation, sums, lookups, sorting.
enum RowCases {
    static func all() -> [Case] {
        [
            .bytes("softmax_4096x1024", 2 * 4 * 4096 * 1024) {
                let x = normal([4096, 1024])
                return { eval(softmax(x, axis: -1)) }
            },
            .bytes("layernorm_4096x1024", 2 * 4 * 4096 * 1024) {
                let (x, weight, bias) = (normal([4096, 1024]), normal([1024]), normal([1024]))
                return { eval(MLXFast.layerNorm(x, weight: weight, bias: bias, eps: 1e-5)) }
            },
            sum(axis: 0),
            sum(axis: 1),
            sum(axis: 0, 4096, 256),
            .bytes("sum_axes02_64x128x256", 4 * 64 * 128 * 256) {
                let x = normal([64, 128, 256])
                return { eval(x.sum(axes: [0, 2])) }
            },
            .bytes("embed_8192_50kx256", 2 * 4 * 8192 * 256) {
                let table = normal([50_000, 256])
                let indices = MLXRandom.randInt(0..<50_000, [8192])
                indices.eval()
                return { eval(table[indices]) }
            },
            .elements("sort_2^20", 1 << 20) {
                let x = normal([1 << 20])
                return { eval(sorted(x)) }
            },
        ]
    }

    private static func sum(axis: Int, _ rows: Int = 4096, _ columns: Int = 4096) -> Case {
        let size = rows == columns ? "\(rows)" : "\(rows)x\(columns)"
        return .bytes("sum_axis\(axis)_\(size)", 4 * rows * columns) {
            let x = normal([rows, columns])
            return { eval(x.sum(axis: axis)) }
        }
    }
}

/// Numbers of the standard normal distribution, already in memory.
func normal(_ shape: [Int]) -> MLXArray {
    let array = MLXRandom.normal(shape)
    array.eval()
    return array
}
