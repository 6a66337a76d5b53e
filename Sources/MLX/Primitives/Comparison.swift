import CKernels

/// An elementwise operation on two arrays that gives true or false.
protocol Comparison: Binary {}

extension Comparison {
    func result(_ dtype: DType) -> DType { .bool }
}

struct Equal: Comparison { static let kernels: Kernels.BinaryTable = ck_equal }
struct NotEqual: Comparison { static let kernels: Kernels.BinaryTable = ck_not_equal }
struct Less: Comparison { static let kernels: Kernels.BinaryTable = ck_less }
struct LessEqual: Comparison { static let kernels: Kernels.BinaryTable = ck_less_equal }
struct Greater: Comparison { static let kernels: Kernels.BinaryTable = ck_greater }
struct GreaterEqual: Comparison { static let kernels: Kernels.BinaryTable = ck_greater_equal }
struct LogicalAnd: Comparison { static let kernels: Kernels.BinaryTable = ck_logical_and }
struct LogicalOr: Comparison { static let kernels: Kernels.BinaryTable = ck_logical_or }

struct LogicalNot: Unary {
    static let kernels: Kernels.UnaryTable = ck_logical_not
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
    func result(_ dtype: DType) -> DType { .bool }
}
