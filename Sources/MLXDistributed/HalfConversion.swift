import CKernels

/// float16 and bfloat16 to float32 and back.
package enum HalfConversion {
    /// Writes `count` half elements as float32.
    package static func widen(
        _ source: UnsafeRawPointer, _ element: RankReduction.Element, count: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        kernel(from: code(element), to: CK_F32)(target, source, count)
    }

    /// Writes `count` float32 values as half elements, rounded to the nearest, ties to even.
    package static func narrow(
        _ source: UnsafePointer<Float>, count: Int, _ element: RankReduction.Element,
        into target: UnsafeMutableRawPointer
    ) {
        kernel(from: CK_F32, to: code(element))(target, source, count)
    }

    private static func code(_ element: RankReduction.Element) -> ck_dtype {
        element == .bfloat16 ? CK_BF16 : CK_F16
    }

    private static func kernel(from: ck_dtype, to: ck_dtype) -> ck_unary {
        guard let kernel = ck_convert(Int32(from.rawValue), Int32(to.rawValue)) else {
            preconditionFailure("[allReduce] no kernel converts \(from) to \(to)")
        }
        return kernel
    }
}
