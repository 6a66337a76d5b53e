import Foundation
import MLX

extension Module {
    /// Writes the parameters of a file into this model, in place, by their dotted keys.
    ///
    /// The file is in the safetensors or the GGUF format. Throws `LoadSaveError` for a file that
    /// cannot be read, and else as ``loadWeights(from:strict:)-(_,_)``.
    @discardableResult
    public func loadWeights(from url: URL, strict: Bool = true) throws -> Self {
        try loadWeights(from: loadArrays(url: url), strict: strict)
    }

    /// Writes arrays into the parameters of this model, in place, by their dotted keys, for example
    /// `layers.0.weight`.
    ///
    /// - Parameters:
    ///   - arrays: the new values.
    ///   - strict: whether to refuse keys that the model lacks, and parameters left out.
    /// - Throws: ``UpdateError``, which names what is missing, unknown or of another shape (refused
    ///   always); the model is then as it was.
    @discardableResult
    public func loadWeights(from arrays: [String: MLXArray], strict: Bool = true) throws -> Self {
        let tree = ModuleParameters.unflattened(arrays)
        // A key that is also the beginning of others has no place in a tree.
        let lost = Set(arrays.keys).subtracting(tree.flattened().map(\.0))
        if strict, !lost.isEmpty {
            throw UpdateError.unhandledKeys(
                path: [], modules: ["\(type(of: self))"], keys: lost.sorted())
        }
        return try update(parameters: tree, verify: strict ? .all : .shapeMismatch)
    }

    /// Writes all parameters to a file in the safetensors format, whose extension must be
    /// `safetensors`, by their dotted keys.
    ///
    /// The file is replaced in one step. Throws `LoadSaveError`.
    public func saveWeights(to url: URL) throws {
        let weights = Dictionary(
            parameters().flattened(), uniquingKeysWith: { first, _ in first })
        try save(arrays: weights, url: url)
    }

    /// Gives the parameters another type, in place; by default only those of a real floating-point
    /// type.
    ///
    /// - Parameters:
    ///   - dtype: the new type.
    ///   - predicate: which types are changed.
    @discardableResult
    public func setDType(
        _ dtype: DType,
        where predicate: (DType) -> Bool = { $0.isFloatingPoint && $0 != .complex64 }
    ) -> Self {
        let changed = parameters().compactMapValues { predicate($0.dtype) ? $0.asType(dtype) : nil }
        return update(parameters: changed)
    }
}
