import MLXDistributed

/// How a buffer is cut for the ring: a slice for each rank, and chunks within a slice.
struct RingCut: Equatable {
    let count: Int
    let ranks: Int
    /// Elements of a chunk; the last one of a slice may have fewer.
    let chunk: Int

    /// The cut of `count` elements of `size` bytes, in chunks of at most `chunkBytes`.
    ///
    /// Several chunks a slice let the steps overlap.
    init(count: Int, size: Int, ranks: Int, chunkBytes: Int) {
        self.count = count
        self.ranks = ranks
        let slice = (count + ranks - 1) / ranks
        let smallest = max(1, min(slice, min(chunkBytes, 32768) / size))
        chunk = max(smallest, min(max(1, chunkBytes / size), (slice + 3) / 4))
    }

    func slice(_ index: Int) -> Range<Int> {
        (index * count / ranks)..<((index + 1) * count / ranks)
    }

    func chunks(_ index: Int) -> Int { (slice(index).count + chunk - 1) / chunk }

    /// The elements of a chunk of a slice.
    func elements(_ index: Int, _ number: Int) -> Range<Int> {
        let slice = slice(index)
        let start = slice.lowerBound + number * chunk
        return start..<min(start + chunk, slice.upperBound)
    }
}

/// An all-reduce around the ring of the ranks: each slice collects the values of all ranks on its
/// way around, and goes around once more with the result.
///
/// In step s, rank r sends slice r - s to its right and gets slice r - s - 1 from its left. A chunk
/// is sent on as soon as it has come, so that the steps of different chunks overlap. What is sent for
/// the first time, addend or result, is sent from where it is.
struct RingReduction {
    private struct Pending {
        let message: ZeroMQMessage
        let step: Int
        let chunk: Int
    }

    private let mesh: Mesh
    private let buffer: UnsafeMutableRawPointer
    private let fold: PairFold
    private let cut: RingCut
    private let scratch: Scratch
    /// Chunks to be sent on, from `next`.
    private var pending: [Pending] = []
    private var next = 0
    /// Chunks of this rank's own slice that were sent.
    private var begun = 0

    /// `scratch` has room for two chunks of float32.
    init(
        _ mesh: Mesh, _ buffer: UnsafeMutableRawPointer, _ fold: PairFold, _ cut: RingCut,
        scratch: Scratch
    ) {
        self.mesh = mesh
        self.buffer = buffer
        self.fold = fold
        self.cut = cut
        self.scratch = scratch
    }

    private var left: Int { (mesh.rank + mesh.size - 1) % mesh.size }
    private var right: Int { (mesh.rank + 1) % mesh.size }
    private var lastStep: Int { 2 * (mesh.size - 1) - 1 }

    private func slice(received step: Int) -> Int {
        (mesh.rank + 2 * mesh.size - step - 1) % mesh.size
    }

    mutating func run() throws(DistributedError) {
        var missing = (0...lastStep).reduce(0) { $0 + cut.chunks(slice(received: $1)) }
        let own = cut.chunks(mesh.rank)
        var deadline = mesh.deadline
        while missing > 0 || begun < own || next < pending.count {
            var hasMoved = try sendOn()
            if missing > 0, let piece = try mesh.tryReceive(from: left) {
                try take(piece)
                missing -= 1
                hasMoved = true
            }
            if hasMoved {
                deadline = mesh.deadline
            } else {
                let isSending = begun < own || next < pending.count
                try mesh.wait(
                    for: missing > 0 ? left : right, &deadline, sending: isSending ? right : nil)
            }
        }
        // Parts of the result are sent from where they are.
        try mesh.land(to: right)
    }

    /// Sends what has come and is hot in the cache, else the next chunk of the own slice.
    private mutating func sendOn() throws(DistributedError) -> Bool {
        let own = cut.chunks(mesh.rank)
        guard next < pending.count || begun < own, try mesh.canSend(to: right) else {
            return false
        }
        if next < pending.count {
            let chunk = pending[next]
            next += 1
            if next == pending.count {
                pending.removeAll(keepingCapacity: true)
                next = 0
            }
            try mesh.send(
                message: chunk.message, step: chunk.step, offset: chunk.chunk, to: right)
            return true
        }
        let elements = cut.elements(mesh.rank, begun)
        // The result of this chunk, which will overwrite it, cannot come before the right rank has
        // received these bytes.
        let message = ZeroMQMessage(borrowing: bytes(elements), mesh.flight)
        try mesh.send(message: message, step: 0, offset: begun, to: right)
        begun += 1
        return true
    }

    private func bytes(_ elements: Range<Int>) -> UnsafeRawBufferPointer {
        let size = fold.element.size
        return UnsafeRawBufferPointer(
            start: buffer + elements.lowerBound * size, count: elements.count * size)
    }

    /// Joins or copies a chunk, and puts it in the queue for the right rank.
    private mutating func take(_ piece: Piece) throws(DistributedError) {
        let (step, number) = (piece.header.step, piece.header.offset)
        guard step <= lastStep, case let index = slice(received: step),
            number < cut.chunks(index), piece.start == 0
        else { throw mesh.unexpected(piece) }
        let elements = cut.elements(index, number)
        let isPartial = step > 0 && step < mesh.size - 1
        let width = fold.isHalf && isPartial ? 4 : fold.element.size
        guard piece.count == elements.count * width else { throw mesh.unexpected(piece) }
        let target = buffer + elements.lowerBound * fold.element.size
        let forward: ZeroMQMessage
        if step >= mesh.size - 1 {
            let place = UnsafeMutableRawBufferPointer(start: target, count: piece.count)
            piece.withPayload { place.copyMemory(from: $0) }
            forward = piece.message
        } else if fold.isHalf {
            forward = joinHalves(aligned(piece.message), target, elements.count, step)
        } else {
            forward = join(aligned(piece.message), target, elements.count, step)
        }
        if step < lastStep {
            pending.append(Pending(message: forward, step: step + 1, chunk: number))
        }
    }

    /// Joins in the memory of the message, which goes on; a sum that is whole, where it belongs,
    /// from where it goes on.
    private func join(
        _ message: ZeroMQMessage, _ target: UnsafeMutableRawPointer, _ count: Int, _ step: Int
    ) -> ZeroMQMessage {
        message.withBytes { bytes in
            guard let sum = bytes.baseAddress else { return message }
            if step == mesh.size - 2 {
                fold.join(target, sum, target, count: count)
                return ZeroMQMessage(
                    borrowing: UnsafeRawBufferPointer(start: target, count: bytes.count),
                    mesh.flight)
            }
            fold.join(sum, target, count: count)
            return message
        }
    }

    /// Joins as float32; what goes on is float32 until the sum is whole, and is rounded then.
    private func joinHalves(
        _ message: ZeroMQMessage, _ target: UnsafeMutableRawPointer, _ count: Int, _ step: Int
    ) -> ZeroMQMessage {
        message.withBytes { bytes in
            guard let source = bytes.baseAddress, let room = scratch.buffer.baseAddress else {
                return message
            }
            return joinHalves(source, target, room.assumingMemoryBound(to: Float.self), count, step)
        }
    }

    private func joinHalves(
        _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer,
        _ own: UnsafeMutablePointer<Float>, _ count: Int, _ step: Int
    ) -> ZeroMQMessage {
        let theirs = own + count
        HalfConversion.widen(target, fold.element, count: count, into: own)
        if step == 0 {
            HalfConversion.widen(source, fold.element, count: count, into: theirs)
            fold.join(theirs, own, count: count)
        } else {
            fold.join(theirs, source, own, count: count)
        }
        if step == mesh.size - 2 {
            HalfConversion.narrow(theirs, count: count, fold.element, into: target)
            return ZeroMQMessage(
                borrowing: UnsafeRawBufferPointer(start: target, count: 2 * count), mesh.flight)
        }
        return ZeroMQMessage(copying: UnsafeRawBufferPointer(start: theirs, count: 4 * count))
    }

    /// The message, or a copy where its bytes lie at an odd address.
    private func aligned(_ message: ZeroMQMessage) -> ZeroMQMessage {
        message.withBytes { bytes in
            guard Int(bitPattern: bytes.baseAddress) % 8 != 0 else { return message }
            return ZeroMQMessage(copying: UnsafeRawBufferPointer(bytes))
        }
    }
}

/// Collectives that pass bytes along the ring, chunk by chunk.
struct RingCopy {
    let mesh: Mesh
    let chunkBytes: Int

    private var left: Int { (mesh.rank + mesh.size - 1) % mesh.size }
    private var right: Int { (mesh.rank + 1) % mesh.size }

    /// Replaces the bytes of every rank by those of `root`.
    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws(DistributedError) {
        for start in stride(from: 0, to: buffer.count, by: chunkBytes) {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[start..<min(start + chunkBytes, buffer.count)])
            if mesh.rank == root {
                let message = ZeroMQMessage(copying: UnsafeRawBufferPointer(part))
                try mesh.send(message: message, offset: start, to: right)
            } else {
                try take(into: part, step: 0, offset: start, sendsOn: right != root)
            }
        }
    }

    /// Fills `buffer`, which holds this rank's part at its place, with the parts of all ranks.
    func allGather(_ buffer: UnsafeMutableRawBufferPointer) throws(DistributedError) {
        let bytes = buffer.count / mesh.size
        func part(_ owner: Int, _ start: Int) -> UnsafeMutableRawBufferPointer {
            let first = owner * bytes + start
            return UnsafeMutableRawBufferPointer(
                rebasing: buffer[first..<(first + min(chunkBytes, bytes - start))])
        }
        for start in stride(from: 0, to: bytes, by: chunkBytes) {
            let own = ZeroMQMessage(copying: UnsafeRawBufferPointer(part(mesh.rank, start)))
            try mesh.send(message: own, offset: start, to: right)
            for step in 1..<mesh.size {
                let owner = (mesh.rank + mesh.size - step) % mesh.size
                try take(
                    into: part(owner, start), step: step - 1, offset: start,
                    sendsOn: step < mesh.size - 1)
            }
        }
    }

    /// Receives a chunk from the left, and sends it on as the next step.
    private func take(
        into part: UnsafeMutableRawBufferPointer, step: Int, offset: Int, sendsOn: Bool
    ) throws(DistributedError) {
        let piece = try mesh.receive(from: left)
        guard piece.count == part.count, piece.header.offset == offset,
            piece.header.step == step, piece.start == 0
        else { throw mesh.unexpected(piece) }
        piece.withPayload { part.copyMemory(from: $0) }
        guard sendsOn else { return }
        // In a broadcast all steps are the same one: each rank receives once.
        let isBroadcast = mesh.name.kind == .broadcast
        try mesh.send(
            message: piece.message, step: isBroadcast ? 0 : step + 1, offset: offset, to: right)
    }
}
