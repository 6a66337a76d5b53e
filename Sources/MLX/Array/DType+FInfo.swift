extension DType {
    /// The limits of a floating-point type.
    public struct FInfo: Sendable {
        /// The type described.
        public let dtype: DType

        /// The distance from 1 to the next larger value.
        public var eps: Double {
            switch dtype {
            case .float16: 0x1p-10
            case .bfloat16: 0x1p-7
            case .float64: Double.ulpOfOne
            default: Double(Float.ulpOfOne)
            }
        }

        /// The most negative finite value.
        public var min: Double { -max }

        /// The largest finite value.
        public var max: Double {
            switch dtype {
            case .float16: 65504
            case .bfloat16: Double(Float(bitPattern: 0x7F7F_0000))
            case .float64: Double.greatestFiniteMagnitude
            default: Double(Float.greatestFiniteMagnitude)
            }
        }

        /// The smallest positive value with full precision.
        public var smallestNormal: Double {
            switch dtype {
            case .float16: 0x1p-14
            case .float64: Double.leastNormalMagnitude
            default: Double(Float.leastNormalMagnitude)
            }
        }

        /// The smallest positive value.
        public var smallestSubnormal: Double {
            switch dtype {
            case .float16: 0x1p-24
            case .bfloat16: 0x1p-133
            case .float64: Double.leastNonzeroMagnitude
            default: Double(Float.leastNonzeroMagnitude)
            }
        }
    }

    /// The limits of this type, or nil if it is not floating point.
    public var finfo: FInfo? { isFloatingPoint ? FInfo(dtype: self) : nil }

    /// The largest finite value of a floating-point type, shape [].
    public var greatestFiniteMagnitudeArray: MLXArray {
        guard let limits = finfo else {
            ErrorHandler.report(.caught("[greatestFiniteMagnitudeArray] not defined for \(self)"))
            return MLXArray.scalar(0, dtype: self)
        }
        return MLXArray.scalar(limits.max, dtype: self)
    }
}
