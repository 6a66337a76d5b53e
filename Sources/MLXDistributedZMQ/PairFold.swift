import CKernels
import MLXDistributed

/// Joins the elements of two ranks.
struct PairFold {
    private let kernel: ck_binary
    let element: RankReduction.Element

    /// The fold of a reduction; half types are joined as float32.
    init(_ reduction: RankReduction) {
        element = reduction.element
        let dtype = Int32(Self.code(reduction.element).rawValue)
        let found =
            switch reduction.operation {
            case .sum: ck_add(dtype)
            case .max: ck_maximum(dtype)
            case .min: ck_minimum(dtype)
            }
        guard let found else {
            preconditionFailure("[allReduce] no kernel joins \(reduction.element)")
        }
        kernel = found
    }

    /// Whether elements are joined as float32 and are half as large.
    var isHalf: Bool { element == .float16 || element == .bfloat16 }

    /// Writes the joined elements over the first ones.
    func join(
        _ target: UnsafeMutableRawPointer, _ other: UnsafeRawPointer, count: Int
    ) {
        kernel(target, target, other, count)
    }

    /// Writes the joined elements of two ranks elsewhere; it may start where `first` does.
    func join(
        _ target: UnsafeMutableRawPointer, _ first: UnsafeRawPointer,
        _ other: UnsafeRawPointer, count: Int
    ) {
        kernel(target, first, other, count)
    }

    private static func code(_ element: RankReduction.Element) -> ck_dtype {
        switch element {
        case .int8: CK_I8
        case .int16: CK_I16
        case .int32: CK_I32
        case .int64: CK_I64
        case .uint8: CK_U8
        case .uint16: CK_U16
        case .uint32: CK_U32
        case .uint64: CK_U64
        case .float16, .bfloat16, .float32: CK_F32
        case .float64: CK_F64
        }
    }
}
