import CKernels

/// A scan whose tangent runs along with it, in one pass.
protocol FusedTangentScan: Scan {
    /// How the tangent names the scan.
    static var tangent: ScanTangent.Scan { get }

    /// The tangent by other operations, which have the further derivatives.
    func change(_ x: MLXArray, _ y: MLXArray, _ dx: MLXArray) -> MLXArray
}

extension FusedTangentScan {
    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let dx = tangents[0] else { return [nil] }
        let x = call.inputs[0]
        guard x.dtype.isReal else { return [change(x, call.output, dx)] }
        let along = ScanTangent(scan: Self.tangent, axis: axis, isReversed: isReversed)
        return [MLXArray.apply(along, [x, dx])]
    }
}

/// The tangent of a scan of real floats: inputs the scan's argument and its tangent.
struct ScanTangent: Portable {
    enum Scan: String, Codable, Sendable {
        case product, maximum, minimum, logSumExp

        fileprivate func kernel(_ dtype: DType) -> ck_pair_scan? {
            switch self {
            case .product: ck_product_scan_tangent(dtype.code)
            case .maximum: ck_max_scan_tangent(dtype.code)
            case .minimum: ck_min_scan_tangent(dtype.code)
            case .logSumExp: ck_logsumexp_scan_tangent(dtype.code)
            }
        }

        fileprivate func primitive(axis: Int, isReversed: Bool) -> any FusedTangentScan {
            switch self {
            case .product: CumProd(axis: axis, isReversed: isReversed)
            case .maximum: CumMax(axis: axis, isReversed: isReversed)
            case .minimum: CumMin(axis: axis, isReversed: isReversed)
            case .logSumExp: LogCumsumExp(axis: axis, isReversed: isReversed)
            }
        }
    }

    var name: String { "scanTangent" }
    let scan: Scan
    let axis: Int
    let isReversed: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[0] == inputs[1] else {
            throw refusal("the tangent is \(inputs[1]) instead of \(inputs[0])")
        }
        guard scan.kernel(inputs[0].dtype) != nil else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        return [inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let kernel = scan.kernel(inputs[0].dtype) else { return }
        ScanPlan(inputs[0].shape, axis: axis)
            .run(kernel, inputs, into: outputs[0], isReversed: isReversed, on: workers)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let primitive = scan.primitive(axis: axis, isReversed: isReversed)
        let result = MLXArray.apply(primitive, [inputs[0]])
        return [primitive.change(inputs[0], result, inputs[1])]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = ScanTangent(scan: scan, axis: axis + 1, isReversed: isReversed)
        return [Batched(MLXArray.apply(wide, batch.stretched(inputs)))]
    }

    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 && inputs[0].hasAxis(axis) }
}
