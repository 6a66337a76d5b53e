import CKernels

/// The tangent of an elementwise operation on two arrays, in one operation: inputs a, b and their
/// tangents.
protocol BinaryTangent: Portable {
    /// The kernels by element type.
    static var kernels: Kernels.QuaternaryTable { get }

    /// The same as array expressions, which have the further derivatives.
    func composed(_ a: MLXArray, _ b: MLXArray, _ da: MLXArray, _ db: MLXArray) -> MLXArray
}

extension BinaryTangent {
    package var name: String { lowercasedTypeName(Self.self) }

    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs.allSatisfy({ $0 == inputs[0] }) else {
            throw refusal("the operands differ: \(inputs)")
        }
        guard kernel(.one(inputs[0].dtype)) != nil else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        return [inputs[0]]
    }

    package func kernel(_ inputs: Few<DType>) -> TileKernel? {
        let dtype = inputs[0].computed
        guard let kernel = Self.kernels(dtype.code) else { return nil }
        return TileKernel(body: .quaternary(kernel), first: dtype, others: dtype, output: dtype)
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        [composed(inputs[0], inputs[1], inputs[2], inputs[3])]
    }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        vmapLeading(inputs, batch)
    }

    package func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 4 }

    /// The tangent of a call, where a tangent that is nil is zero; nil for types without a kernel.
    func callAsFunction(
        _ a: MLXArray, _ b: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        let spec = a.spec
        guard kernel(.one(spec.dtype)) != nil, da == nil || da?.spec == spec,
            db == nil || db?.spec == spec
        else { return nil }
        let zero = MLXArray(stretched(constant(0, like: a), to: spec.shape))
        return MLXArray.apply(self, [a, b, da ?? zero, db ?? zero])
    }
}

struct MultiplyTangent: BinaryTangent {
    static let kernels: Kernels.QuaternaryTable = ck_multiply_tangent
    func composed(_ a: MLXArray, _ b: MLXArray, _ da: MLXArray, _ db: MLXArray) -> MLXArray {
        da * b + db * a
    }
}

struct DivideTangent: BinaryTangent {
    static let kernels: Kernels.QuaternaryTable = ck_divide_tangent
    func composed(_ a: MLXArray, _ b: MLXArray, _ da: MLXArray, _ db: MLXArray) -> MLXArray {
        (da - a / b * db) / b
    }
}

struct RemainderTangent: BinaryTangent {
    static let kernels: Kernels.QuaternaryTable = ck_remainder_tangent
    func composed(_ a: MLXArray, _ b: MLXArray, _ da: MLXArray, _ db: MLXArray) -> MLXArray {
        da - db * floorDivide(a, b)
    }
}

struct PowerTangent: BinaryTangent {
    static let kernels: Kernels.QuaternaryTable = ck_power_tangent
    /// Which of the two change; the logarithm of a base that is not positive is left out where the
    /// power does not.
    let byBase: Bool
    let byPower: Bool

    func composed(_ a: MLXArray, _ b: MLXArray, _ da: MLXArray, _ db: MLXArray) -> MLXArray {
        let base = byBase ? da * b * pow(a, b - 1) : nil
        let power = byPower ? db * pow(a, b) * Power.logarithm(a) : nil
        return sum(base, power) ?? zeros(like: a)
    }
}

struct Atan2Tangent: BinaryTangent {
    static let kernels: Kernels.QuaternaryTable = ck_arctan2_tangent
    func composed(_ a: MLXArray, _ b: MLXArray, _ da: MLXArray, _ db: MLXArray) -> MLXArray {
        (b * da - a * db) / (square(a) + square(b))
    }
}

/// The mean of the two, weighted by the shares of the exponentials.
struct LogAddExpTangent: BinaryTangent {
    static let kernels: Kernels.QuaternaryTable = ck_logaddexp_tangent
    func composed(_ a: MLXArray, _ b: MLXArray, _ da: MLXArray, _ db: MLXArray) -> MLXArray {
        db + (da - db) * sigmoid(a - b)
    }
}
