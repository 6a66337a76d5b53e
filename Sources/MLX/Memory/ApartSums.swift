import CKernels

/// Sums in parts that are made apart, where tasks would be too few otherwise; they are then added in
/// their order, so that the bits are those of parts added one after the other.
struct ApartSums {
    private let memory: Storage
    private let others: Int
    private let elements: Int
    private let dtype: DType

    private static let mostBytes = 16 << 20

    /// Nil where there is one part, or where they would take too much memory.
    init?(parts: Int, elements: Int, dtype: DType = .float32) {
        let bytes = (parts - 1) * elements * dtype.size
        guard 1...Self.mostBytes ~= bytes else { return nil }
        memory = Storage(byteCount: bytes)
        (others, self.elements, self.dtype) = (parts - 1, elements, dtype)
    }

    /// How many parts fit into the memory that they may take, up to a number.
    static func parts(_ wanted: Int, elements: Int, dtype: DType) -> Int {
        min(wanted, 1 + mostBytes / max(elements * dtype.size, 1))
    }

    /// Where a part's sums go; the first part's become the result.
    func place(of part: Int, _ result: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        part == 0 ? result : memory.address + (part - 1) * elements * dtype.size
    }

    /// Adds the other parts' sums to the first part's.
    func add(to result: UnsafeMutableRawPointer, on workers: Workers) {
        guard let add = ck_add(dtype.code) else { return }
        workers.forRanges(of: elements, grain: 1 << 13) { range in
            let start = range.lowerBound * dtype.size
            for part in 1...others {
                add(result + start, result + start, place(of: part, result) + start, range.count)
            }
        }
    }
}
