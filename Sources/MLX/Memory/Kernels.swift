import CKernels

/// The C kernels as Swift sees them: contiguous pointers and counts.
package enum Kernels {
    package typealias Unary = ck_unary
    package typealias Binary = ck_binary
    package typealias Ternary = ck_ternary
    package typealias Quaternary = ck_quaternary
    package typealias Update = ck_update

    /// Finds an operation's kernel for an element type's code; nil where there is none.
    package typealias UnaryTable = @Sendable (Int32) -> Unary?
    package typealias BinaryTable = @Sendable (Int32) -> Binary?
    package typealias EightsTable = @Sendable (Int32) -> ck_eights?
    package typealias QuaternaryTable = @Sendable (Int32) -> Quaternary?
    package typealias UpdateTable = @Sendable (Int32) -> Update?

    /// The kernel that casts elements; there is one for every pair of types.
    static func convert(from source: DType, to target: DType) -> Unary {
        guard let kernel = ck_convert(source.code, target.code) else {
            preconditionFailure("no conversion from \(source) to \(target)")
        }
        return kernel
    }
}

/// The kernel of an elementwise operation, with the types that it reads and writes.
package struct TileKernel {
    enum Body {
        case unary(Kernels.Unary)
        case binary(Kernels.Binary)
        case ternary(Kernels.Ternary)
        case quaternary(Kernels.Quaternary)
    }

    let body: Body
    /// The type of the first input.
    let first: DType
    /// The type of the other inputs.
    let others: DType
    let output: DType

    func input(_ position: Int) -> DType { position == 0 ? first : others }
}
