/// Joins some elements of all ranks in rank order, so that the bits do not depend on timing.
struct LoopbackFold {
    let buffers: [UnsafeMutableRawBufferPointer]
    let elements: Range<Int>

    /// Writes the joined elements to every buffer.
    func run(_ reduction: RankReduction) {
        switch reduction.element {
        case .int8: integers(Int8.self, reduction.operation)
        case .int16: integers(Int16.self, reduction.operation)
        case .int32: integers(Int32.self, reduction.operation)
        case .int64: integers(Int64.self, reduction.operation)
        case .uint8: integers(UInt8.self, reduction.operation)
        case .uint16: integers(UInt16.self, reduction.operation)
        case .uint32: integers(UInt32.self, reduction.operation)
        case .uint64: integers(UInt64.self, reduction.operation)
        case .float32: fold(Float.self) { $0 + $1 }
        case .float64: fold(Double.self) { $0 + $1 }
        case .float16, .bfloat16: halves(reduction.element)
        }
    }

    private func integers<Integer: FixedWidthInteger & BitwiseCopyable>(
        _: Integer.Type, _ operation: ReduceOperation
    ) {
        switch operation {
        case .sum: fold(Integer.self) { $0 &+ $1 }
        case .max: fold(Integer.self) { Swift.max($0, $1) }
        case .min: fold(Integer.self) { Swift.min($0, $1) }
        }
    }

    @inline(__always)
    private func fold<Value: BitwiseCopyable>(
        _: Value.Type, _ join: (Value, Value) -> Value
    ) {
        for index in elements {
            let offset = index * MemoryLayout<Value>.size
            var value = buffers[0].loadUnaligned(fromByteOffset: offset, as: Value.self)
            for buffer in buffers.dropFirst() {
                value = join(value, buffer.loadUnaligned(fromByteOffset: offset, as: Value.self))
            }
            for buffer in buffers {
                buffer.storeBytes(of: value, toByteOffset: offset, as: Value.self)
            }
        }
    }

    private func halves(_ element: RankReduction.Element) {
        let block = 1024
        var total = [Float](repeating: 0, count: block)
        var other = total
        for start in stride(from: elements.lowerBound, to: elements.upperBound, by: block) {
            let count = Swift.min(block, elements.upperBound - start)
            // The starts exist: the range is empty where the buffers are.
            let sources = buffers.compactMap { $0.baseAddress?.advanced(by: start * 2) }
            HalfConversion.widen(sources[0], element, count: count, into: &total)
            for source in sources.dropFirst() {
                HalfConversion.widen(source, element, count: count, into: &other)
                for index in 0..<count { total[index] += other[index] }
            }
            for source in sources {
                HalfConversion.narrow(total, count: count, element, into: source)
            }
        }
    }
}
