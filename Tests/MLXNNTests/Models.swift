import MLX
import MLXNN

/// Zeros counted up, so that each parameter can be told from the others.
func numbered(_ shape: [Int], from start: Int = 0) -> MLXArray {
    let count = shape.reduce(1, *)
    return MLXArray((0..<count).map { Float($0 + start) }, shape)
}

/// A module with every kind of property.
class Everything: Module {
    let weight = numbered([2])
    let absent: MLXArray? = nil
    let present: MLXArray? = numbered([3])
    let _hidden = numbered([1])
    let list = [numbered([1]), numbered([2])]
    let named = ["x": numbered([1]), "y": numbered([2])]
    let pair = (numbered([1]), numbered([2]))
    let child = Linear(weight: numbered([2, 2]))
    let children2 = [Linear(weight: numbered([1, 2])), Linear(weight: numbered([3, 2]))]
    let number = 7
    let sizes = [1, 2]
    @ParameterInfo(key: "renamed") var original = numbered([4])
    @ModuleInfo(key: "q_proj") var query = Linear(weight: numbered([2, 1]))
}

/// A subclass with one more property.
final class MoreThanEverything: Everything {
    let extra = numbered([5])
}

/// Two layers and a parameter of its own.
final class Network: Module, UnaryLayer {
    @ModuleInfo var first: Linear
    @ModuleInfo(key: "rest") var layers: [any UnaryLayer]
    let scale = MLXArray([2 as Float])

    init(_ inputs: Int = 3, _ hidden: Int = 4) {
        first = Linear(inputs, hidden)
        _layers = ModuleInfo(wrappedValue: [Tanh(), Linear(hidden, 2)], key: "rest")
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        layers.reduce(first(x)) { $1($0) } * scale
    }
}

/// A layer that takes the place of a `Linear`.
final class OtherLinear: Linear {}

extension Module {
    /// All values of all parameters by key.
    func contents() -> [String: [Float]] {
        Dictionary(
            uniqueKeysWithValues: parameters().flattened().map { ($0, $1.asArray(Float.self)) })
    }
}
