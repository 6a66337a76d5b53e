import MLX

/// What a rank called: all ranks of a collective must have called the same.
package struct CollectiveCall: Equatable, Sendable {
    /// The collectives, numbered as they travel.
    package enum Kind: UInt8, Sendable {
        case allReduce, broadcast, allGather, barrier, gradients, sumScatter, allToAll, region
        case send, receive
    }

    package var kind: Kind
    /// The operation of a reduction, by its place in `ReduceOperation.allCases`.
    package var operation: UInt8 = 0
    /// The element type of a reduction, as kernels number it.
    package var dtype: UInt8 = 0
    /// The rank that a broadcast comes from.
    package var root: UInt32 = 0
    /// The bucket of gradients.
    package var bucket: UInt32 = 0
    /// The bytes of a rank's buffer.
    package var byteCount: Int
    /// The training step.
    package var step: Int = 0
    /// What else must be the same, as a fingerprint.
    package var detail: UInt64 = 0

    package init(_ kind: Kind, byteCount: Int) {
        self.kind = kind
        self.byteCount = byteCount
    }

    package init(reducing byteCount: Int, _ dtype: DType, _ operation: ReduceOperation) {
        self.init(.allReduce, byteCount: byteCount)
        self.dtype = UInt8(dtype.code)
        self.operation = UInt8(ReduceOperation.allCases.firstIndex(of: operation) ?? 0)
    }

    /// The fingerprint of everything above.
    package var fingerprint: UInt64 {
        withUnsafeBytes(of: encoded) { hash64($0) }
    }
}

extension CollectiveCall {
    /// The call as five words that processes of one job exchange.
    package typealias Words = (UInt64, UInt64, UInt64, UInt64, UInt64)

    package static let encodedBytes = MemoryLayout<Words>.size

    package var encoded: Words {
        let head =
            UInt64(kind.rawValue) | UInt64(operation) << 8 | UInt64(dtype) << 16
            | UInt64(root) << 32
        return (
            head, UInt64(bucket), UInt64(bitPattern: Int64(byteCount)),
            UInt64(bitPattern: Int64(step)), detail
        )
    }

    /// Reads the words of another rank; nil where they name no collective.
    package init?(_ words: Words) {
        guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: words.0)) else { return nil }
        self.init(kind, byteCount: Int(Int64(bitPattern: words.2)))
        operation = UInt8(truncatingIfNeeded: words.0 >> 8)
        dtype = UInt8(truncatingIfNeeded: words.0 >> 16)
        root = UInt32(truncatingIfNeeded: words.0 >> 32)
        bucket = UInt32(truncatingIfNeeded: words.1)
        step = Int(Int64(bitPattern: words.3))
        detail = words.4
    }
}

extension CollectiveCall: CustomStringConvertible {
    /// The call in words: `allReduce(sum of float32, 4096 bytes, step 12)`.
    package var description: String {
        var parts: [String] = []
        switch kind {
        case .allReduce, .sumScatter:
            let operation = ReduceOperation.allCases[
                Int(operation) % ReduceOperation.allCases.count]
            parts.append("\(operation) of \(DType.named(code: Int32(dtype)))")
        case .broadcast: parts.append("root \(root)")
        case .gradients: parts.append("bucket \(bucket) of \(DType.named(code: Int32(dtype)))")
        case .send, .receive: parts.append("rank \(root)")
        case .allGather, .barrier, .allToAll, .region: break
        }
        if kind != .barrier { parts.append("\(byteCount) bytes") }
        if step > 0 { parts.append("step \(step)") }
        return "\(kind)(\(parts.joined(separator: ", ")))"
    }
}

extension DType {
    /// The name of the type that kernels number so.
    fileprivate static func named(code: Int32) -> String {
        DType.allCases.first { $0.code == code }.map { "\($0)" } ?? "type \(code)"
    }
}
