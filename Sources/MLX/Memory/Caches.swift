/// What the processor keeps of memory.
enum Caches {
    /// Results of as many bytes and more are written past the caches: none would keep them until
    /// they are read, and each line would be read only to be written. What the system says of the
    /// last cache is no help, as virtual machines tell that of the whole processor.
    static let capacity = 32 << 20

    /// Whether so many elements of the outputs are so large that no cache would keep them for who
    /// reads them next, and lie where nothing is read.
    static func areLeft(
        by outputs: UnsafeBufferPointer<Tiles.Target>, _ count: Int,
        _ inputs: UnsafeBufferPointer<Tiles.Source>
    ) -> Bool {
        guard outputs.reduce(0, { $0 + $1.itemSize }) * count >= capacity else { return false }
        return !inputs.contains { input in
            guard case .direct(let address, _) = input else { return false }
            return outputs.contains { $0.address == address }
        }
    }
}
