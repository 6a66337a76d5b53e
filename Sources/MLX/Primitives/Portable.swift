/// A primitive that can be written to a file, and read from one that nobody vouches for.
///
/// Its stored properties are its parameters in the file. `outputs` and `eval` trust calls to be made
/// by the operations, which normalize axes and count inputs; a call from a file is asked first
/// whether it deserves that trust. Every type stands in ``PortablePrimitives``.
package protocol Portable: Primitive, Codable {
    /// Whether the parameters are such that `outputs` can judge the inputs and, if it accepts them,
    /// `eval` stays inside their memory: as many inputs as the operation has, axes that are there,
    /// numbers that do not overflow.
    func isSound(_ inputs: [Spec]) -> Bool

    /// The same call for inputs of other shapes; itself where no parameter tells a shape.
    func adapted(_ change: ShapeChange) -> Self
}

extension Portable {
    package func adapted(_ change: ShapeChange) -> Self { self }
}

extension Spec {
    /// Whether sizes are a shape whose elements, and with them its strides, can be counted.
    static func isShape(_ sizes: [Int]) -> Bool { Spec(sizes, .complex64).checkedByteCount != nil }

    static func product(_ a: Int, _ b: Int) -> Int? {
        let (result, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? nil : result
    }

    /// The longest step along an axis that surely does not overflow when strides are multiplied.
    static func longestStep(_ size: Int) -> UInt { UInt(max(size, 1 << 20)) }

    func hasAxis(_ axis: Int) -> Bool { shape.indices ~= axis }
}

/// The primitives that can be read from a file, by the names of their types.
package enum PortablePrimitives {
    package static let byName: [String: any Portable.Type] = Dictionary(
        all.map { ("\($0)", $0) }, uniquingKeysWith: { first, _ in first })

    private static let all: [any Portable.Type] =
        arithmetic + exponential + reduction + shape + indexing + order + products + linalg
        + quantization + optimizers + tangents + others

    private static let arithmetic: [any Portable.Type] = [
        Negative.self, Abs.self, Sign.self, Square.self, Reciprocal.self, Floor.self, Ceil.self,
        Round.self, Add.self, Subtract.self, Multiply.self, Divide.self, FloorDivide.self,
        Remainder.self, Power.self, Maximum.self, Minimum.self, Atan2.self, BitwiseInvert.self,
        BitwiseAnd.self, BitwiseOr.self, BitwiseXOr.self, LeftShift.self, RightShift.self,
        Equal.self, NotEqual.self, Less.self, LessEqual.self, Greater.self, GreaterEqual.self,
        LogicalAnd.self, LogicalOr.self, LogicalNot.self, Conjugate.self, ImaginaryPart.self,
        AsType.self, Select.self,
    ]

    private static let exponential: [any Portable.Type] = [
        Exp.self, Expm1.self, Log.self, Log1p.self, Log2.self, Log10.self, Sqrt.self, Rsqrt.self,
        Sin.self, Cos.self, Tan.self, Sinh.self, Cosh.self, Tanh.self, Asin.self, Acos.self,
        Atan.self, Asinh.self, Acosh.self, Atanh.self, Sigmoid.self, Erf.self, ErfInverse.self,
        LogAddExp.self, Gelu.self, GeluSlope.self, GeluTanh.self, GeluTanhSlope.self,
    ]

    private static let reduction: [any Portable.Type] = [
        Sum.self, Product.self, Max.self, Min.self, All.self, AnyTrue.self, ArgReduce.self,
        Softmax.self, LogSoftmax.self, LogSumExp.self, CumSum.self, CumProd.self, CumMax.self,
        CumMin.self, LogCumsumExp.self, Recurrence.self, Moments.self, CrossEntropy.self,
        CrossEntropyGradient.self,
    ]

    private static let shape: [any Portable.Type] = [
        Reshape.self, Transpose.self, Broadcast.self, Slice.self, Embed.self, Concatenate.self,
        Stack.self, Split.self, StopGradient.self, AsStrided.self, StridedSum.self, Diagonal.self,
        Contiguous.self, Reinterpret.self, Depends.self, SliceUpdate.self, SlidingWindows.self,
        Fold.self, WindowMax.self, WindowMaxGradient.self, WindowMean.self, WindowMeanGradient.self,
    ]

    private static let indexing: [any Portable.Type] = [
        Take.self, ScatterAdd.self, TakeAlong.self, ScatterAddAlong.self, Scatter.self,
        JoinIndices.self, PutAlong.self,
    ]

    private static let order: [any Portable.Type] = [
        Sort.self, ArgSort.self, Partition.self, ArgPartition.self, SearchSorted.self,
    ]

    private static let products: [any Portable.Type] = [
        MatMul.self, GatherMM.self, GatherOuter.self, SegmentedMM.self, SegmentedSpread.self,
        Attention.self, AttentionGradient.self, AttentionStep.self, Projection.self,
        ImageConvolution.self,
    ]

    private static let linalg: [any Portable.Type] = [
        Cholesky.self, QR.self, LU.self, Inverse.self, TriangularInverse.self, Solve.self,
        SolveTriangular.self, PseudoInverse.self, SVD.self, Eigh.self, Eig.self,
    ]

    private static let quantization: [any Portable.Type] = [
        Quantize.self, Dequantize.self, QuantizedMM.self, GatherQuantizedMM.self, ToFP8.self,
        FromFP8.self,
    ]

    private static let optimizers: [any Portable.Type] = [
        DescentStep.self, MomentumStep.self, RootMeanSquareStep.self, AdaDeltaStep.self,
        AdamStep.self, AdamaxStep.self, LionStep.self,
    ]

    private static let tangents: [any Portable.Type] = [
        ReciprocalSlope.self, RsqrtSlope.self, CosSlope.self, TanSlope.self, TanhSlope.self,
        SigmoidSlope.self, AsinSlope.self, AcosSlope.self, AtanSlope.self, AsinhSlope.self,
        AcoshSlope.self, AtanhSlope.self, ErfSlope.self, ErfInverseSlope.self,
        MultiplyTangent.self, DivideTangent.self, RemainderTangent.self, PowerTangent.self,
        Atan2Tangent.self, LogAddExpTangent.self, SoftmaxTangent.self, LogSoftmaxTangent.self,
        LogSumExpTangent.self, ExtremumTangent.self, ProductTangent.self, ScanTangent.self,
        MomentsTangent.self, CrossEntropyTangent.self,
        ScatterTangent.self, BilinearTangent.self, NormalizeRowsTangent.self, AttentionTangent.self,
    ]

    private static let others: [any Portable.Type] = [
        FourierTransform.self, RealFourierTransform.self, InverseRealFourierTransform.self,
        NormalizeRows.self, NormalizeRowsGradient.self, RandomBits.self, Rotate.self,
        LongShortTermMemory.self, LongShortTermMemoryGradient.self,
        GatedRecurrentUnit.self, GatedRecurrentUnitGradient.self,
    ]
}
