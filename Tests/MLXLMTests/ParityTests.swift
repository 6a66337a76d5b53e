import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN
import TestSupport
import Testing

@Suite("Tiny models against transformers")
struct ParityTests {
    @Test("logits are those of transformers", arguments: TinyModel.names)
    func logits(name: String) throws {
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        let logits = model(tiny.tokens, cache: nil)
        #expect(difference(logits, tiny.logits, Tolerance(absolute: 1e-4, relative: 1e-5)) == nil)
    }

    @Test("loss and gradients are those of transformers", arguments: TinyModel.names)
    func gradients(name: String) throws {
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        let lossAndGradient = valueAndGrad(model: model as Module) { (_, arrays: [MLXArray]) in
            [nextTokenLoss(model, arrays[0])]
        }
        let (loss, gradients) = lossAndGradient(model, [tiny.tokens])
        #expect(abs(loss[0].item(Float.self) - tiny.loss) < 1e-4)

        let found = Dictionary(uniqueKeysWithValues: gradients.flattened())
        var compared: Set<String> = []
        for (key, expected) in tiny.values {
            let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0] == "vector" || parts[0] == "matrix" else { continue }
            let (own, isTurned) = ownName(parts[1])
            var gradient = try #require(found[own], "no gradient of \(own)")
            compared.insert(own)
            if isTurned { gradient = gradient.T }
            if parts[0] == "matrix" {
                let random = try #require(tiny.values["random.\(gradient.dim(1))"])
                gradient = matmul(gradient, random)
            }
            let fault = difference(gradient, expected, Tolerance(absolute: 1e-3, relative: 1e-3))
            #expect(fault == nil, "\(own)")
        }
        #expect(compared == Set(found.keys))
    }

    /// The name of a parameter of transformers in our model, and whether its matrix is turned.
    private func ownName(_ name: String) -> (String, Bool) {
        let prefix = "transformer."
        guard name.hasPrefix(prefix) else { return (name, false) }
        let rest = String(name.dropFirst(prefix.count))
        return ("model.\(rest)", rest.hasPrefix("h.") && rest.hasSuffix(".weight"))
    }
}
