/// Memory on loan from the ``Pool``, given back when the value ends.
struct Buffer: ~Copyable {
    /// The first usable byte, at least 64-byte aligned.
    let address: UnsafeMutableRawPointer
    /// The bytes on loan, at least those asked for.
    let capacity: Int
    /// How far `address` lies behind the start of the allocation.
    let shift: Int
    /// How many bytes the pool had lent before.
    let lent: Int
    /// Whether so much was lent since this memory was lent last that no cache holds it.
    let isCold: Bool

    deinit {
        Pool.shared.recycle(address: address, capacity: capacity, shift: shift, lent: lent)
    }
}
