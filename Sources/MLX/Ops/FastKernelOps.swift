/// A value that a kernel of ``MLXFast/metalKernel(name:inputNames:outputNames:source:header:ensureRowContiguous:atomicOutputs:)``
/// is specialised by.
public protocol KernelTemplateArg {}

extension Bool: KernelTemplateArg {}
extension Int: KernelTemplateArg {}
extension DType: KernelTemplateArg {}

extension MLXFast {
    /// A kernel in Apple's Metal language, which nothing on this machine runs.
    public final class MLXFastKernel: Sendable {
        /// The names of the results.
        public let outputNames: [String]

        private let name: String

        fileprivate init(name: String, outputNames: [String]) {
            self.name = name
            self.outputNames = outputNames
        }

        /// Reports an error, as there is no Metal here, and gives zeros of the shapes and types
        /// asked for.
        public func callAsFunction(
            _ inputs: [any ScalarOrArray], template: [(String, any KernelTemplateArg)]? = nil,
            grid: (Int, Int, Int), threadGroup: (Int, Int, Int),
            outputShapes: some Sequence<[Int]>, outputDTypes: some Sequence<DType>,
            initValue: Float? = nil, verbose: Bool = false
        ) -> [MLXArray] {
            ErrorHandler.report(
                .caught(
                    "[metalKernel] the kernel '\(name)' is written in Metal, which runs on Apple "
                        + "machines alone; write it with array operations"))
            return zip(outputShapes, outputDTypes).map { zeros($0, dtype: $1) }
        }
    }

    /// A kernel from its source in Apple's Metal language; calling it reports an error here.
    public static func metalKernel(
        name: String, inputNames: some Sequence<String>, outputNames: some Sequence<String>,
        source: String, header: String = "", ensureRowContiguous: Bool = true,
        atomicOutputs: Bool = false
    ) -> MLXFastKernel {
        MLXFastKernel(name: name, outputNames: Array(outputNames))
    }
}
