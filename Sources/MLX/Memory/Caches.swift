/// What the processor keeps of memory.
enum Caches {
    /// Results of as many bytes and more are written past the caches: none would keep them until
    /// they are read, and each line would be read only to be written. What the system says of the
    /// last cache is no help, as virtual machines tell that of the whole processor.
    static let capacity = 32 << 20
}
