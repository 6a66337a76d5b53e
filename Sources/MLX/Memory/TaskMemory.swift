import CSystem
import Synchronization

/// Memory that the tasks of a job work in: each takes a piece that no other has meanwhile, its
/// thread's own where that is free, and waits for no lock.
final class TaskMemory: @unchecked Sendable {
    // Unchecked: pieces are handed out by atomic words.
    private let memory: Storage
    private let pieces: (count: Int, bytes: Int)
    /// Whether each piece is taken. They lie apart from the memory, whose size is often that of
    /// arrays, so that it is the same that is in the caches.
    private let words: Storage

    /// A word, as a piece, has lines of the cache of its own.
    private static let lineBytes = 128

    /// For so many tasks, which need so many bytes each.
    init(tasks: Int, byteCount: Int) {
        let bytes = (byteCount + Self.lineBytes - 1) / Self.lineBytes * Self.lineBytes
        pieces = (max(1, min(tasks, Workers.count)), bytes)
        memory = Storage(byteCount: pieces.count == 1 ? byteCount : pieces.count * bytes)
        words = Storage(byteCount: pieces.count * Self.lineBytes)
        for piece in 0..<pieces.count {
            word(piece).initialize(to: Atomic(false))
            note(piece).initialize(to: -1)
        }
    }

    /// Calls the body with the start of a piece, uninitialised.
    @inline(__always)
    func borrow(_ body: (UnsafeMutableRawPointer) -> Void) { borrow { memory, _ in body(memory) } }

    /// Calls the body with the start of a piece and with what was noted of it: -1 at first.
    @inline(__always)
    func borrow(_ body: (UnsafeMutableRawPointer, inout Int) -> Void) {
        var piece = Int(cs_place_of_thread().pointee) % pieces.count
        while word(piece).pointee.exchange(true, ordering: .acquiring) {
            piece = (piece + 1) % pieces.count
        }
        body(memory.address + piece * pieces.bytes, &note(piece).pointee)
        word(piece).pointee.store(false, ordering: .releasing)
    }

    private func word(_ piece: Int) -> UnsafeMutablePointer<Atomic<Bool>> {
        (words.address + piece * Self.lineBytes).assumingMemoryBound(to: Atomic<Bool>.self)
    }

    private func note(_ piece: Int) -> UnsafeMutablePointer<Int> {
        (words.address + piece * Self.lineBytes + 64).assumingMemoryBound(to: Int.self)
    }
}
