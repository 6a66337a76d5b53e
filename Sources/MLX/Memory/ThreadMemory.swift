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
    let start: UnsafeMutablePointer<CChar>? = own.pointee.start
    let isLent = bytes <= own.pointee.left
    let memory: UnsafeMutableRawPointer
    if isLent, let start {
        memory = UnsafeMutableRawPointer(start)
        own.pointee.start = start + bytes
        own.pointee.left -= bytes
    } else {
        memory = .allocate(byteCount: max(bytes, 64), alignment: 64)
    }
    defer {
        if isLent, start != nil {
            own.pointee.start = start
            own.pointee.left += bytes
        } else {
            memory.deallocate()
        }
    }
    // The only call, so that it is compiled in place and holds on to nothing.
    return body(memory)
}
