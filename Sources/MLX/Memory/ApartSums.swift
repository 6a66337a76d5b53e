import CKernels

/// Sums along k in parts that are made apart, where tasks would be too few otherwise; they are then
/// added in their order, so that the bits are those of sums made one part after the other.
struct ApartSums {
    private let memory: Storage
    private let others: Int
    private let elements: Int

    private static let mostBytes = 16 << 20

    /// Nil where there is one part, or where they would take too much memory.
    init?(parts: Int, elements: Int) {
        let bytes = (parts - 1) * elements * 4
        guard 1...Self.mostBytes ~= bytes else { return nil }
        memory = Storage(byteCount: bytes)
        (others, self.elements) = (parts - 1, elements)
    }

    /// Where a part's float32 sums go; the first part's become the result.
    func place(of part: Int, _ result: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        part == 0 ? result : memory.address + (part - 1) * elements * 4
    }

    /// Adds the other parts' sums to the first part's.
    func add(to result: UnsafeMutableRawPointer, on workers: Workers) {
        guard let add = ck_add(DType.float32.code) else { return }
        workers.forRanges(of: elements, grain: 1 << 13) { range in
            let place = result + range.lowerBound * 4
            for part in 1...others {
                add(place, place, self.place(of: part, result) + range.lowerBound * 4, range.count)
            }
        }
    }
}
