import MLX

/// Layers called one after another.
open class Sequential: Module, UnaryLayer {
    /// The layers, in the order in which they are called.
    @ModuleInfo public var layers: [any UnaryLayer]

    /// Layers from an array.
    public init(layers: [any UnaryLayer]) {
        self.layers = layers
    }

    /// Layers from a list of arguments.
    public init(layers: any UnaryLayer...) {
        self.layers = layers
    }

    /// Layers from a block, one a line, with `if` and `for`.
    public init(@SequentialBuilder layers: () -> [any UnaryLayer]) {
        self.layers = layers()
    }

    /// The output of the last layer.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        layers.reduce(x) { $1($0) }
    }
}

/// Collects the layers of a ``Sequential`` from a block.
@resultBuilder
public struct SequentialBuilder {
    /// One layer.
    public static func buildExpression(_ value: any UnaryLayer) -> [any UnaryLayer] { [value] }

    /// The first lines.
    public static func buildPartialBlock(first: [any UnaryLayer]) -> [any UnaryLayer] { first }

    /// The lines so far and the next ones.
    public static func buildPartialBlock(
        accumulated: [any UnaryLayer], next: [any UnaryLayer]
    ) -> [any UnaryLayer] {
        accumulated + next
    }

    /// The layers of all rounds of a `for`.
    public static func buildArray(_ value: [[any UnaryLayer]]) -> [any UnaryLayer] {
        value.flatMap { $0 }
    }

    /// Layers that are in an array already.
    public static func buildArray(_ array: [any UnaryLayer]) -> [any UnaryLayer] { array }

    /// The layers of the first branch of an `if`.
    public static func buildEither(first: [any UnaryLayer]) -> [any UnaryLayer] { first }

    /// The layers of the other branch of an `if`.
    public static func buildEither(second: [any UnaryLayer]) -> [any UnaryLayer] { second }

    /// The layers of an `if` without another branch, or none.
    public static func buildOptional(_ component: [any UnaryLayer]?) -> [any UnaryLayer] {
        component ?? []
    }
}
