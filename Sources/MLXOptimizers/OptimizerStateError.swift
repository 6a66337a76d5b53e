import Foundation
import MLX

/// A saved optimizer state that does not fit.
public struct OptimizerStateError: Error, Equatable {
    /// An array of another shape or element type.
    public struct Misfit: Equatable, Sendable {
        /// The array's name in the dictionary.
        public let name: String
        /// The element type and shape that fit, such as `float32[3, 2]`.
        public let expected: String
        /// The element type and shape that were found.
        public let found: String
    }

    /// The names of arrays that are needed and were not found.
    public let missing: [String]

    /// The names of arrays that were found and are not needed.
    public let unexpected: [String]

    /// The arrays of another shape or element type.
    public let misfits: [Misfit]
}

extension OptimizerStateError: LocalizedError, CustomStringConvertible {
    /// The error in one line, with the first ten names of each kind.
    public var errorDescription: String? { description }

    /// The error in one line, with the first ten names of each kind.
    public var description: String {
        let parts = [
            listed("missing", missing), listed("not of this optimizer and model", unexpected),
            listed(
                "of another kind", misfits.map { "\($0.name) (\($0.found), not \($0.expected))" }),
        ]
        return "the saved optimizer state does not fit: "
            + parts.compactMap { $0 }.joined(separator: "; ")
    }
}
