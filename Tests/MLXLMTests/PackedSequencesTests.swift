import MLX
import MLXLLM
import MLXLMCommon
import MLXNN
import TestSupport
import Testing

@Suite("Packed sequences and recomputed blocks")
struct PackedSequencesTests {
    @Test(
        "sequences in one row give what they give alone",
        arguments: TinyModel.names)
    func together(name: String) throws {
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        let (count, length) = tiny.tokens.shape2
        let places = (0..<count).flatMap { _ in Array(0..<Int32(length)) }
        let numbers = (0..<count).flatMap { Array(repeating: Int32($0), count: length) }
        // Something behind that belongs to nobody.
        let filling = [Int32](repeating: 0, count: 3)
        let shape = [1, count * length + 3]
        let packed = PackedSequences(
            sequences: MLXArray(numbers + filling.map { _ in -1 }, shape),
            positions: MLXArray(places + filling, shape), longest: length)
        let row = concatenated(
            [reshaped(tiny.tokens.asType(.int32), [1, -1]), MLXArray(filling, [1, 3])], axis: 1)
        let logits = model(row, cache: model.blocks.map { _ in packed })
        let own = reshaped(logits[0..., ..<(count * length)], tiny.logits.shape)
        let tolerance = Tolerance(absolute: 1e-4, relative: 1e-3)
        #expect(difference(own, tiny.logits, tolerance) == nil)
    }

    @Test(
        "recomputed blocks give the same loss and gradients",
        arguments: ["llama3", "gpt2", "gemma2"])
    func recomputation(name: String) throws {
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        model.train(true)
        func step(_ recomputes: Bool) -> (MLXArray, [(String, MLXArray)]) {
            model.recomputesBlocks = recomputes
            let both = valueAndGrad(model: model as Module) { _, arrays in
                [nextTokenLoss(model, arrays[0])]
            }
            let (loss, gradients) = both(model, [tiny.tokens])
            return (loss[0], gradients.flattened())
        }
        let (loss, gradients) = step(false)
        let (again, others) = step(true)
        let tolerance = Tolerance(absolute: 1e-6, relative: 1e-5)
        #expect(difference(again, loss, tolerance) == nil)
        #expect(gradients.count == others.count && gradients.count > 10)
        for ((name, gradient), (_, other)) in zip(gradients, others) {
            #expect(difference(other, gradient, tolerance) == nil, "\(name)")
        }
    }
}
