import CKernels
import MLX
import TestSupport
import Testing

@Suite("Projections")
struct ProjectionTests {
    /// The exact product of rows and packed weights, in float64.
    private func exact(
        _ x: MLXArray, _ parts: (wq: MLXArray, scales: MLXArray, biases: MLXArray?), _ group: Int,
        _ bits: Int
    ) -> MLXArray {
        let elements = dequantized(
            parts.wq, scales: parts.scales.asType(.float64),
            biases: parts.biases?.asType(.float64), groupSize: group, bits: bits, dtype: .float64)
        return matmul(x.asType(.float64), elements.T)
    }

    /// The root of the mean square of a difference, over that of the expected values.
    private func error(_ found: MLXArray, _ expected: MLXArray) -> Double {
        let difference = found.asType(.float64) - expected
        return sqrt(square(difference).mean() / square(expected).mean()).item(Double.self)
    }

    @Test(
        "of few and of many rows lose no more than their roundings",
        arguments: [2, 3, 4, 5, 6, 8], [32, 64, 128])
    func accuracy(bits: Int, group: Int) {
        for dtype in [DType.float16, .bfloat16, .float32] {
            for (rows, inner) in [(1, 640), (3, 128), (8, 1152), (9, 256), (70, 4480)] {
                let w = random([75, inner], seed: 3).asType(dtype)
                let x = random([rows, inner], seed: 4)
                let parts = quantized(w, groupSize: group, bits: bits)
                let layer = ProjectedLayer(
                    words: parts.wq, scales: parts.scales, biases: parts.biases, groupSize: group,
                    bits: bits, mode: .affine, bias: nil)
                let expected = exact(x, parts, group, bits)
                let found = project(x, layers: [layer])[0]
                // Half a step of 32638 a block, evenly spread.
                #expect(error(found, expected) < 6e-5, "\(dtype) \(rows) \(inner)")
                #expect(error(roundedProduct(x, layer), expected) < 6e-5)
                // Many rows are not rounded where no instructions would be faster for it.
                if rows <= 8 || ck_has_rounded_products() != 0 {
                    let tolerance = Tolerance(absolute: 2e-4, relative: 1e-4)
                    #expect(difference(found, numbers(roundedProduct(x, layer)), tolerance) == nil)
                } else {
                    #expect(error(found, expected) < 1e-6)
                }
            }
        }
    }

    @Test("do not mind an element that is a thousand times as large as its neighbours")
    func outliers() {
        let parts = quantized(random([64, 256], seed: 9), groupSize: 32, bits: 4)
        let layer = ProjectedLayer(
            words: parts.wq, scales: parts.scales, biases: parts.biases, groupSize: 32, bits: 4,
            mode: .affine, bias: nil)
        for rows in [1, 20] {
            let x = random([rows, 256], seed: 10)
            x[0..., 70] = MLXArray(Float(1000))
            let huge = zeros(like: x)
            huge[0..., 70] = MLXArray(Float(1000))
            // What the neighbours give, without the block of the large element.
            let others = project(x, layers: [layer])[0] - project(huge, layers: [layer])[0]
            let expected = exact(x, parts, 32, 4) - exact(huge, parts, 32, 4)
            #expect(error(others, expected) < 2e-2, "\(rows)")
        }
    }

    @Test("of stored halves are exact for few rows", arguments: [DType.float16, .bfloat16])
    func halves(dtype: DType) {
        for (rows, inner) in [(1, 576), (4, 37), (8, 640)] {
            let w = random([77, inner], seed: 5).asType(dtype)
            let x = random([rows, inner], seed: 6)
            let found = project(x, layers: [ProjectedLayer(weight: w, bias: nil)])[0]
            let expected = matmul(x.asType(.float64), w.asType(.float64).T)
            #expect(
                difference(found, numbers(expected), Tolerance(absolute: 1e-5, relative: 1e-5))
                    == nil)
        }
        let w = random([77, 576], seed: 5).asType(dtype)
        let x = random([50, 576], seed: 6)
        let found = project(x, layers: [ProjectedLayer(weight: w, bias: nil)])[0]
        // Many rows that meet bfloat16 may have been rounded to it.
        let lost = error(found, matmul(x.asType(.float64), w.asType(.float64).T))
        #expect(lost < (dtype == .bfloat16 ? 3e-3 : 1e-6))
    }

    @Test("give a row the same bits whatever rows are beside it, and NaN where it is not finite")
    func rows() {
        let parts = quantized(random([70, 256], seed: 7), groupSize: 32, bits: 4)
        let layer = ProjectedLayer(
            words: parts.wq, scales: parts.scales, biases: parts.biases, groupSize: 32, bits: 4,
            mode: .affine, bias: nil)
        let x = random([5, 256], seed: 8)
        let all = project(x, layers: [layer])[0]
        for row in 0..<5 {
            let one = project(x[row..<row + 1], layers: [layer])[0]
            #expect(bitDifference(one, all[row..<row + 1]) == nil)
        }
        x[1, 40] = MLXArray(Float.infinity)
        x[2, 7] = MLXArray(Float.nan)
        let found = isNaN(project(x, layers: [layer])[0]).all(axis: 1).asArray(Bool.self)
        #expect(found == [false, true, true, false, false])
    }

    @Test("refuse what does not fit, and say what")
    func refusals() {
        let x = random([2, 6], seed: 1)
        func message(_ body: () -> Void) -> String {
            do {
                try withError { body() }
                return ""
            } catch { return "\(error)" }
        }
        #expect(
            message {
                _ = project(x, layers: [ProjectedLayer(weight: zeros([3, 5]), bias: nil)])
            }.contains("weights of shape [3, 5] do not fit rows of shape [2, 6]"))
        #expect(
            message {
                _ = project(x, layers: [ProjectedLayer(weight: zeros([3, 6]), bias: zeros([4]))])
            }.contains("a bias is"))
    }

    @Test(
        "A step of attention over a cache in halves is that over its rounded numbers, bit for bit",
        arguments: [(heads: 6, shared: 2, size: 20), (5, 1, 64), (8, 2, 48), (3, 3, 32)])
    func halfCache(heads: Int, shared: Int, size: Int) {
        let places = 150
        let queries = random([2, heads * size], seed: 1)
        // Beyond what halves hold.
        let keys = random([2, shared * size], seed: 2) * which(arange(shared * size) .== 3, 1e6, 1)
        let values = random([2, shared * size], seed: 3)
        let cache = [4, 5].map { random([2, shared, places, size], seed: $0).asType(.float16) }
        let angles = zeros([1, 0])
        func rounded(_ x: MLXArray) -> MLXArray {
            clip(x, min: -65504, max: 65504).asType(.float16).asType(.float32)
        }
        let found = attentionStep(
            queries: queries, keys: keys, values: values, cache: (cache[0], cache[1]),
            angles: angles, position: 133, scale: 0.1)
        let wide = cache.map { $0.asType(.float32) }
        let expected = attentionStep(
            queries: queries, keys: rounded(keys), values: rounded(values),
            cache: (wide[0], wide[1]), angles: angles, position: 133, scale: 0.1)
        #expect(found.map(\.dtype) == [.float32, .float16, .float16])
        for (found, expected) in zip(found, expected) {
            #expect(all(found .== expected).item(Bool.self))
            #expect(isFinite(found).all().item(Bool.self))
        }
        // Derivatives, batches and effects of unknown places see the same.
        let composed = vmap { (q: MLXArray, place: MLXArray) in
            attentionStep(
                queries: q, keys: keys, values: values, cache: (cache[0], cache[1]),
                angles: angles, position: place, scale: 0.1)[0]
        }(stacked([queries]), MLXArray([Int32(133)]))
        #expect(allClose(composed[0], found[0], rtol: 1e-5, atol: 1e-5).item(Bool.self))
    }
}
