/// Single operations.
enum OpsSuite {
    /// The peak of memory comes first, before the pool holds anything.
    static func cases() -> [Case] {
        [GraphCases.memoryPeak()]
            + ProductCases.all() + RowCases.all() + ConvolutionCases.all() + AttentionCases.all()
            + ElementwiseCases.all() + ArrayCases.all() + GraphCases.chains()
    }
}
