import Foundation
import MLX
import MLXNN
import MLXRandom
import Testing

private class TwoTowers: Module {
    @ModuleInfo(key: "left_tower") var left: [Linear]
    @ModuleInfo(key: "right_tower") var right: [String: Linear]
    @ParameterInfo(key: "log_scale") var scale: MLXArray

    override init() {
        _left.wrappedValue = [Linear(4, 8), Linear(8, 3)]
        _right.wrappedValue = ["in": Linear(5, 8), "out": Linear(8, 3, bias: false)]
        _scale.wrappedValue = MLXArray(0.5 as Float)
    }

    func callAsFunction(_ a: MLXArray, _ b: MLXArray) -> MLXArray {
        let l = left[1](relu(left[0](a)))
        guard let first = right["in"], let second = right["out"] else { return l }
        return exp(scale) * matmul(l, second(relu(first(b))).T)
    }
}

/// Saves a model's weights under their keys and loads them into a new one.
@Test("Port: saving and loading weights", .randomSeed(12))
func savedWeights() throws {
    let url = FileManager.default.temporaryDirectory
        .appending(path: "port-\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }

    let model = TwoTowers()
    let weights = Dictionary(uniqueKeysWithValues: model.parameters().flattened())
    #expect(
        Set(weights.keys) == [
            "left_tower.0.weight", "left_tower.0.bias", "left_tower.1.weight",
            "left_tower.1.bias", "right_tower.in.weight", "right_tower.in.bias",
            "right_tower.out.weight", "log_scale",
        ])
    try save(arrays: weights, metadata: ["format": "mlx"], url: url)

    let other = TwoTowers()
    let (loaded, metadata) = try loadArraysAndMetadata(url: url)
    try other.update(parameters: ModuleParameters.unflattened(loaded), verify: [.all])
    #expect(metadata["format"] == "mlx")
    let (a, b) = (MLXRandom.normal([2, 4]), MLXRandom.normal([2, 5]))
    #expect(arrayEqual(model(a, b), other(a, b)).item(Bool.self))
}
