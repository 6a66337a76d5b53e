import MLX
import MLXDistributed

/// Buffers with known values, and what the collectives must make of them, computed in Double.
struct CollectiveOracle: Sendable {
    let dtype: DType
    let count: Int
    let world: Int

    static let dtypes: [DType] = [
        .bool, .uint8, .uint16, .uint32, .uint64, .int8, .int16, .int32, .int64,
        .float16, .float32, .bfloat16, .complex64, .float64,
    ]
    static let counts = [0, 1, 2, 3, 7, 1024, 100_003]

    /// What a sum may be off, relative to the sum of the magnitudes.
    private var tolerance: Double {
        switch dtype {
        case .float16: 0x1p-11
        case .bfloat16: 0x1p-8
        case .float32, .complex64: Double(world) * 0x1p-24
        case .float64: Double(world) * 0x1p-53
        default: 0
        }
    }

    /// Numbers in an element: two in a complex one.
    private var parts: Int { dtype == .complex64 ? 2 : 1 }

    /// The values of a rank, each one exact in the dtype.
    func values(rank: Int) -> [Double] {
        var random = SplitMix(seed: UInt64(1000 * rank + count))
        return (0..<(count * parts)).map { _ in
            let bits = random.next()
            switch dtype {
            case .bool: return Double(bits % 2)
            case .uint8, .uint16, .uint32, .uint64: return Double(bits % 27)
            case .int8, .int16, .int32, .int64: return Double(bits % 27) - 13
            case .float16, .bfloat16: return (Double(bits % 129) - 64) / 64
            case .float32, .complex64: return Double(Float(bits >> 40) / 0x1p23 - 1)
            case .float64: return Double(bits >> 11) / 0x1p52 - 1
            }
        }
    }

    func bytes(rank: Int) -> [UInt8] { values(rank: rank).flatMap(encode) }

    /// Nil where `result` is the reduction of the ranks' values, else the first difference.
    func difference(_ result: [UInt8], _ operation: ReduceOperation) -> String? {
        let inputs = (0..<world).map(values)
        let got = decode(result)
        guard got.count == count * parts else { return "got \(got.count) numbers" }
        for index in got.indices {
            let column = inputs.map { $0[index] }
            let scale = operation == .sum ? column.reduce(0) { $0 + abs($1) } : 0
            let want = expected(column, operation)
            if !(abs(got[index] - want) <= tolerance * scale) {
                return "\(dtype) \(operation) [\(index)]: got \(got[index]), want \(want)"
            }
        }
        return nil
    }

    private func expected(_ column: [Double], _ operation: ReduceOperation) -> Double {
        switch operation {
        case .sum: dtype == .bool ? (column.max() ?? 0) : column.reduce(0, +)
        case .max: column.max() ?? 0
        case .min: column.min() ?? 0
        }
    }

    private func encode(_ value: Double) -> [UInt8] {
        func raw<Value: BitwiseCopyable>(_ value: Value) -> [UInt8] {
            withUnsafeBytes(of: value) { Array($0) }
        }
        switch dtype {
        case .bool, .uint8: return raw(UInt8(value))
        case .uint16: return raw(UInt16(value))
        case .uint32: return raw(UInt32(value))
        case .uint64: return raw(UInt64(value))
        case .int8: return raw(Int8(value))
        case .int16: return raw(Int16(value))
        case .int32: return raw(Int32(value))
        case .int64: return raw(Int64(value))
        case .float16: return raw(Float16(value))
        case .bfloat16: return raw(UInt16(Float(value).bitPattern >> 16))
        case .float32, .complex64: return raw(Float(value))
        case .float64: return raw(value)
        }
    }

    private func decode(_ bytes: [UInt8]) -> [Double] {
        func all<Value: BitwiseCopyable>(_: Value.Type, _ number: (Value) -> Double) -> [Double] {
            bytes.withUnsafeBytes { $0.bindMemory(to: Value.self).map(number) }
        }
        switch dtype {
        case .bool, .uint8: return all(UInt8.self) { Double($0) }
        case .uint16: return all(UInt16.self) { Double($0) }
        case .uint32: return all(UInt32.self) { Double($0) }
        case .uint64: return all(UInt64.self) { Double($0) }
        case .int8: return all(Int8.self) { Double($0) }
        case .int16: return all(Int16.self) { Double($0) }
        case .int32: return all(Int32.self) { Double($0) }
        case .int64: return all(Int64.self) { Double($0) }
        case .float16: return all(Float16.self) { Double($0) }
        case .bfloat16: return all(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .float32, .complex64: return all(Float.self) { Double($0) }
        case .float64: return all(Double.self) { $0 }
        }
    }
}

/// SplitMix64, a generator that needs only a seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension Group {
    /// All-reduces a copy of `bytes`, which starts `offset` bytes after an aligned address.
    func reduced(
        _ bytes: [UInt8], _ dtype: DType, _ operation: ReduceOperation, offset: Int = 0
    ) throws(DistributedError) -> [UInt8] {
        let scratch = Scratch(byteCount: bytes.count + offset)
        let part = UnsafeMutableRawBufferPointer(rebasing: scratch.buffer[offset...])
        part.copyBytes(from: bytes)
        try transport.allReduce(part, dtype: dtype, operation: operation)
        return Array(part)
    }
}
