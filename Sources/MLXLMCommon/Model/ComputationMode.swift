import MLX
import MLXNN

/// How precisely a model computes.
public enum ComputationMode: String, CaseIterable, Sendable {
    /// Activations are float32; where they meet packed weights they are rounded to 15 bits in
    /// blocks of 32, and a prompt's, where they meet bfloat16 for other than queries, keys, values
    /// and logits, to bfloat16. Keys and values are kept as float16.
    case fast
    /// In float32 throughout, from the numbers that the files hold.
    case exact
}

/// A part of a model that computes by projections, see ``ComputationMode``.
package protocol ModeAware: Module {
    /// The mode; exact unless set.
    var mode: ComputationMode { get set }
}

extension LanguageModel {
    /// Gives the parameters the types that a mode computes in.
    ///
    /// In the fast mode matrices stay as they are stored, and all else is float32. A model that
    /// does not know the modes computes in the type of its embedding instead.
    public func setMode(_ mode: ComputationMode) {
        let modules = modules()
        let parts = modules.compactMap { $0 as? any ModeAware }
        for part in parts { part.mode = mode }
        let isWide = !parts.isEmpty || modules.contains { $0 is any Quantized }
        for module in modules {
            let isMatrix = module is Linear || module is Embedding
            // Such an embedding's rows have the type of its scales.
            let isRow = parts.isEmpty && module is any Quantized && module is Embedding
            let widensAll = mode == .exact || isRow || (isWide && !isMatrix)
            let changed = module.filterMap(
                filter: { module, key, item in
                    (widensAll || (isWide && key == "bias"))
                        && Module.filterLocalParameters(module, key, item)
                },
                map: Module.mapParameters { $0.dtype.isHalf ? $0.asType(.float32) : nil })
            module.update(parameters: changed)
        }
    }
}

extension DType {
    /// Whether it is a floating-point type of 16 bits.
    var isHalf: Bool { self == .float16 || self == .bfloat16 }
}
