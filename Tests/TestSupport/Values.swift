import MLX

/// Repeatable numbers: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
package struct Values {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func bits() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    package mutating func next(in range: ClosedRange<Double> = -1...1) -> Double {
        let unit = Double(bits() >> 11) / Double(1 << 53)
        return range.lowerBound + unit * (range.upperBound - range.lowerBound)
    }

    package mutating func next(_ count: Int, in range: ClosedRange<Double> = -1...1) -> [Double] {
        (0..<count).map { _ in next(in: range) }
    }

    package mutating func integers(_ count: Int, in range: ClosedRange<Int>) -> [Int] {
        (0..<count).map { _ in
            range.lowerBound + Int(bits() % UInt64(range.upperBound - range.lowerBound + 1))
        }
    }
}

/// A row-major array of the numbers, rounded to a type, and computed.
package func array(_ values: [Double], _ shape: [Int], _ dtype: DType = .float32) -> MLXArray {
    let exact = doubles(values, shape)
    let result = exact.asType(dtype)
    result.eval()
    return result
}

/// The generic parameter keeps doubles from becoming float32.
private func doubles<T: HasDType>(_ values: [T], _ shape: [Int]) -> MLXArray {
    MLXArray(values, shape)
}

/// Random numbers of a shape and a type.
package func random(
    _ shape: [Int], in range: ClosedRange<Double> = -1...1, _ dtype: DType = .float32, seed: UInt64
) -> MLXArray {
    var values = Values(seed: seed)
    return array(values.next(shape.reduce(1, *), in: range), shape, dtype)
}
