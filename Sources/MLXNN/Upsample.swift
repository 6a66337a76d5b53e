import MLX

/// Makes signals, images or volumes larger or smaller by interpolation, channels last.
open class Upsample: Module, UnaryLayer {
    /// How values between elements are found.
    public enum Mode: Sendable {
        /// The value of the nearest element.
        case nearest
        /// The straight line between the two nearest; with `alignCorners` the first and the last
        /// elements keep their places.
        case linear(alignCorners: Bool = false)
        /// The cubic through the four nearest (Keys, 1981, with a = -0.75); with `alignCorners`
        /// the first and the last elements keep their places.
        case cubic(alignCorners: Bool = false)
    }

    /// The factor of the size of each spatial axis.
    public let scaleFactor: FloatOrArray

    /// How values between elements are found.
    public let mode: Mode

    /// A layer with one factor, or with one for each spatial axis.
    public init(scaleFactor: FloatOrArray, mode: Mode = .nearest) {
        precondition(
            scaleFactor.asArray.allSatisfy { $0 > 0 },
            "[Upsample] factors must be positive, got \(scaleFactor)")
        self.scaleFactor = scaleFactor
        self.mode = mode
    }

    /// The factors and the mode.
    open override func describeExtra(_ indent: Int) -> String {
        let factors = scaleFactor.asArray
        let shown = factors.count == 1 ? "\(factors[0])" : "\(factors)"
        return "(scaleFactor=\(shown), mode=\(mode))"
    }

    /// The resized `x`, [batch, spatial..., channels]; a size becomes the whole part of itself
    /// times its factor.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let axes = x.ndim - 2
        guard axes > 0, scaleFactor.count == 1 || scaleFactor.count == axes else {
            return refused(
                x,
                "[Upsample] takes [batch, spatial..., channels] with a factor for each "
                    + "spatial axis, got the shape \(x.shape) and \(scaleFactor.asArray)")
        }
        let factors = scaleFactor.asArray
        return (0..<axes).reduce(x) { x, axis in
            let factor = factors.count == 1 ? factors[0] : factors[axis]
            let resize = Resize(size: x.dim(axis + 1), factor: factor, axis: axis + 1)
            return switch mode {
            case .nearest: resize.nearest(x)
            case .linear(let alignCorners): resize.linear(x, alignCorners)
            case .cubic(let alignCorners): resize.cubic(x, alignCorners)
            }
        }
    }
}

/// The interpolation along one axis.
private struct Resize {
    let size: Int
    let factor: Float
    let axis: Int

    private var target: Int { Int(factor * Float(size)) }

    func nearest(_ x: MLXArray) -> MLXArray {
        if factor == factor.rounded() { return repeatedElements(x) }
        let step = Float(Double(size) / Double(target))
        let places = (0..<target).map { index -> Int32 in
            let place =
                target > size
                ? ((Float(index) + 0.5) * step - 0.5).rounded(.toNearestOrEven)
                : Float(index) * step
            return Int32(place)
        }
        return take(x, MLXArray(places), axis: axis)
    }

    /// A broadcast rather than a choice of elements: its gradient is a sum.
    private func repeatedElements(_ x: MLXArray) -> MLXArray {
        let wide = expandedDimensions(x, axis: axis + 1)
        var shape = wide.shape
        shape[axis + 1] = Int(factor)
        return broadcast(wide, to: shape).flattened(start: axis, end: axis + 1)
    }

    func linear(_ x: MLXArray, _ alignCorners: Bool) -> MLXArray {
        let places = sources(alignCorners).map { Swift.min(Swift.max($0, 0), Float(size - 1)) }
        let fractions = places.map { $0 - $0.rounded(.down) }
        return weighted(
            x,
            [
                (places.map { $0.rounded(.down) }, fractions.map { 1 - $0 }),
                (places.map { $0.rounded(.up) }, fractions),
            ])
    }

    func cubic(_ x: MLXArray, _ alignCorners: Bool) -> MLXArray {
        let places = sources(alignCorners)
        return weighted(
            x,
            [-1, 0, 1, 2].map { (shift: Float) in
                let neighbours = places.map { $0.rounded(.down) + shift }
                let weights = zip(places, neighbours).map { Self.cubicWeight(abs($0 - $1)) }
                return (neighbours, weights)
            })
    }

    /// The weight of an element at a distance below 2.
    private static func cubicWeight(_ x: Float) -> Float {
        let a: Float = -0.75
        return x <= 1
            ? ((a + 2) * x - (a + 3)) * x * x + 1
            : (((x - 5) * x + 8) * x - 4) * a
    }

    /// Where each element of the result lies between the elements of the source.
    private func sources(_ alignCorners: Bool) -> [Float] {
        if alignCorners {
            let step = Float(Double(size - 1) / Double(Swift.max(target - 1, 1)))
            return (0..<target).map { Float($0) * step }
        }
        let step = 1 / Double(factor)
        let start = (Double(target - 1) * step - Double(size) + 1) / 2
        return (0..<target).map { Float($0) * Float(step) - Float(start) }
    }

    /// The sum of some elements for each element of the result; places beyond an end are the end.
    private func weighted(
        _ x: MLXArray, _ elements: [(places: [Float], weights: [Float])]
    ) -> MLXArray {
        var shape = x.shape.map { _ in 1 }
        shape[axis] = target
        let parts = elements.map { places, weights in
            let inside = places.map { Int32(Swift.min(Swift.max($0, 0), Float(size - 1))) }
            return take(x, MLXArray(inside), axis: axis) * MLXArray(weights, shape)
        }
        return parts.dropFirst().reduce(parts[0], +)
    }
}
