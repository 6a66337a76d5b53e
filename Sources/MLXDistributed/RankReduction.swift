import MLX

/// An all-reduce in terms of the element types that transports know.
///
/// bool is reduced as 0 and 1, complex64 as pairs of float32. Under max and min a float becomes
/// the integer of the same width and order, because a floating-point maximum depends on the order
/// of its operands when one of them is NaN, and the ranks would end with different bits.
package struct RankReduction: Sendable, Equatable {
    /// An element as it is joined.
    package enum Element: Sendable {
        case int8, int16, int32, int64, uint8, uint16, uint32, uint64
        case float16, bfloat16, float32, float64

        /// Bytes of one element.
        package var size: Int {
            switch self {
            case .int8, .uint8: 1
            case .int16, .uint16, .float16, .bfloat16: 2
            case .int32, .uint32, .float32: 4
            case .int64, .uint64, .float64: 8
            }
        }
    }

    package let element: Element
    package let operation: ReduceOperation
    /// The float type whose order the integers keep, nil where nothing is converted.
    private let ordered: Element?

    /// Checks the element type and the size of the buffer (bytes).
    package init(dtype: DType, operation: ReduceOperation, byteCount: Int)
        throws(DistributedError)
    {
        guard byteCount % dtype.size == 0 else {
            let whole = byteCount / dtype.size * dtype.size
            throw .wrongSize(call: "allReduce", expected: whole, got: byteCount)
        }
        guard dtype != .complex64 || operation == .sum else {
            throw .unsupported(operation: operation.rawValue, dtype: "complex64")
        }
        let plain = Self.element(of: dtype)
        let integer = operation == .sum ? nil : Self.integer(ordering: plain)
        self.element = integer ?? plain
        self.ordered = integer == nil ? nil : plain
        self.operation = dtype == .bool && operation == .sum ? .max : operation
    }

    /// Turns the floats of a maximum or minimum into integers of the same order.
    package func prepare(_ buffer: UnsafeMutableRawBufferPointer) {
        switch ordered {
        case .float16: order(buffer, Int16.self, infinity: 0x7C00)
        case .bfloat16: order(buffer, Int16.self, infinity: 0x7F80)
        case .float32: order(buffer, Int32.self, infinity: 0x7F80_0000)
        case .float64: order(buffer, Int64.self, infinity: 0x7FF0_0000_0000_0000)
        default: return
        }
    }

    /// Undoes `prepare`.
    package func restore(_ buffer: UnsafeMutableRawBufferPointer) {
        switch ordered {
        case .float16, .bfloat16: flip(buffer, Int16.self)
        case .float32: flip(buffer, Int32.self)
        case .float64: flip(buffer, Int64.self)
        default: return
        }
    }

    /// Joins `count` elements of all ranks, in the order of `RankTree`, into `target`, which may be
    /// the memory of one of them.
    package func join(
        _ parts: [UnsafeRawPointer], into target: UnsafeMutableRawPointer, count: Int
    ) {
        TreeFold(self).run(parts, into: target, count: count)
    }

    /// Cuts the bytes of a buffer into a slice for each rank, at multiples of 64 bytes.
    package static func slices(of byteCount: Int, ranks: Int, itemSize: Int) -> [Range<Int>] {
        let unit = max(64, itemSize)
        let units = (byteCount + unit - 1) / unit
        return (0..<ranks).map { rank in
            min(
                byteCount, units * rank / ranks * unit)..<min(
                    byteCount, units * (rank + 1) / ranks * unit)
        }
    }

    private static func element(of dtype: DType) -> Element {
        switch dtype {
        case .bool, .uint8: .uint8
        case .uint16: .uint16
        case .uint32: .uint32
        case .uint64: .uint64
        case .int8: .int8
        case .int16: .int16
        case .int32: .int32
        case .int64: .int64
        case .float16: .float16
        case .bfloat16: .bfloat16
        case .float32, .complex64: .float32
        case .float64: .float64
        }
    }

    private static func integer(ordering element: Element) -> Element? {
        switch element {
        case .float16, .bfloat16: .int16
        case .float32: .int32
        case .float64: .int64
        default: nil
        }
    }

    /// NaN becomes the end of the scale that wins.
    private func order<Key: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
        _ buffer: UnsafeMutableRawBufferPointer, _: Key.Type, infinity: Key
    ) {
        let winner = operation == .max ? Key.max : Key.min
        transform(buffer) { (bits: Key) in
            (bits & Key.max) > infinity ? winner : Self.flipped(bits)
        }
    }

    private func flip<Key: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
        _ buffer: UnsafeMutableRawBufferPointer, _: Key.Type
    ) {
        transform(buffer) { (key: Key) in Self.flipped(key) }
    }

    /// Negative floats count downwards from the sign bit; the same step leads back.
    @inline(__always)
    private static func flipped<Key: FixedWidthInteger & SignedInteger>(_ bits: Key) -> Key {
        bits ^ ((bits >> (Key.bitWidth - 1)) & Key.max)
    }

    @inline(__always)
    private func transform<Key: BitwiseCopyable>(
        _ buffer: UnsafeMutableRawBufferPointer, _ body: (Key) -> Key
    ) {
        for offset in stride(from: 0, to: buffer.count, by: MemoryLayout<Key>.size) {
            let key = buffer.loadUnaligned(fromByteOffset: offset, as: Key.self)
            buffer.storeBytes(of: body(key), toByteOffset: offset, as: Key.self)
        }
    }
}
