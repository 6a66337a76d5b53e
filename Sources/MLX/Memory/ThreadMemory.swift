import CSystem

/// Memory that a thread works in for a while, uninitialised and in lines of the cache of its own: a
/// part of what the thread keeps, which lies in its caches and is lent without a call of the system's
/// allocator, or other memory where that is used up.
@inline(__always)
func withThreadMemory<Result>(
    _ byteCount: Int, _ body: (UnsafeMutableRawPointer) -> Result
) -> Result {
    let own: UnsafeMutablePointer<cs_thread_memory> = cs_memory_of_thread()
    let bytes = (byteCount + 63) & ~63
    guard bytes <= own.pointee.left,
        let start: UnsafeMutablePointer<CChar> = own.pointee.start
    else {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes, 64), alignment: 64)
        defer { memory.deallocate() }
        return body(memory)
    }
    own.pointee.start = start + bytes
    own.pointee.left -= bytes
    defer {
        own.pointee.start = start
        own.pointee.left += bytes
    }
    return body(UnsafeMutableRawPointer(start))
}
