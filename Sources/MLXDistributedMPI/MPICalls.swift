import CMPI
import MLXDistributed

/// The MPI calls of the communication thread on one communicator, on buffers of any size.
///
/// Unchecked: everything but `abort` runs on that thread.
final class MPICalls: @unchecked Sendable {
    /// The number of this process in the communicator.
    private(set) var rank = 0
    /// The number of processes in the communicator.
    private(set) var size = 1

    private var communicator = cmpi_world()
    /// The most bytes that a process sends to another in one call; MPI counts in 32 bits.
    private let chunkBytes: Int
    private lazy var scratch = Scratch(byteCount: (size + 1) * chunkBytes)

    init(chunkBytes: Int) {
        precondition(
            (64...(1 << 30)).contains(chunkBytes),
            "[MPITransport] chunkBytes must be in 64 ... 1073741824: got \(chunkBytes)")
        self.chunkBytes = chunkBytes / 64 * 64
    }

    /// Starts MPI.
    func initialize() throws(DistributedError) {
        let wanted = cmpi_thread_serialized()
        var provided: Int32 = 0
        try check("MPI_Init_thread", MPI_Init_thread(nil, nil, wanted, &provided))
        guard provided >= wanted else {
            throw .transport(
                name: "mpi", call: "MPI_Init_thread",
                message: "the library gives thread level \(provided), \(wanted) is needed")
        }
        try readPlace()
    }

    /// Those processes of the communicator that give the same `color`, in its order.
    func split(color: Int) throws(DistributedError) -> MPICalls {
        let part = MPICalls(chunkBytes: chunkBytes)
        try check(
            "MPI_Comm_split",
            MPI_Comm_split(communicator, Int32(color), Int32(rank), &part.communicator))
        try part.readPlace()
        return part
    }

    private func readPlace() throws(DistributedError) {
        try check(
            "MPI_Comm_set_errhandler",
            MPI_Comm_set_errhandler(communicator, cmpi_errors_return()))
        var (rank, size): (Int32, Int32) = (0, 0)
        try check("MPI_Comm_rank", MPI_Comm_rank(communicator, &rank))
        try check("MPI_Comm_size", MPI_Comm_size(communicator, &size))
        (self.rank, self.size) = (Int(rank), Int(size))
    }

    /// Each process joins its slice of all processes' buffers, in the order of `RankTree`, and the
    /// slices are gathered: as many bytes as a ring sends, in any type and with known bits.
    func allReduce(_ buffer: UnsafeMutableRawBufferPointer, _ reduction: RankReduction)
        throws(DistributedError)
    {
        let piece = size * chunkBytes
        for offset in stride(from: 0, to: buffer.count, by: piece) {
            try reducePiece(
                UnsafeMutableRawBufferPointer(
                    rebasing: buffer[offset..<min(offset + piece, buffer.count)]), reduction)
        }
    }

    private func reducePiece(
        _ piece: UnsafeMutableRawBufferPointer, _ reduction: RankReduction
    ) throws(DistributedError) {
        guard let start = piece.baseAddress, let parts = scratch.buffer.baseAddress else { return }
        let slices = RankReduction.slices(
            of: piece.count, ranks: size, itemSize: reduction.element.size)
        let own = slices[rank].count
        var counts = slices.map { Int32($0.count) }
        var offsets = slices.map { Int32($0.lowerBound) }
        var ownCounts = [Int32](repeating: Int32(own), count: size)
        var places = (0..<size).map { Int32($0 * own) }
        try check(
            "MPI_Alltoallv",
            MPI_Alltoallv(
                start, &counts, &offsets, cmpi_byte(), parts, &ownCounts, &places, cmpi_byte(),
                communicator))
        reduction.join(
            (0..<size).map { UnsafeRawPointer(parts + $0 * own) },
            into: start + slices[rank].lowerBound, count: own / reduction.element.size)
        try check(
            "MPI_Allgatherv",
            MPI_Allgatherv(
                cmpi_in_place(), 0, cmpi_byte(), start, &counts, &offsets, cmpi_byte(),
                communicator))
    }

    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws(DistributedError) {
        guard let start = buffer.baseAddress else { return }
        for offset in stride(from: 0, to: buffer.count, by: chunkBytes) {
            let bytes = Int32(min(chunkBytes, buffer.count - offset))
            try check(
                "MPI_Bcast",
                MPI_Bcast(start + offset, bytes, cmpi_byte(), Int32(root), communicator))
        }
    }

    func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        guard !send.isEmpty else { return }
        if send.count <= chunkBytes {
            let count = Int32(send.count)
            try check(
                "MPI_Allgather",
                MPI_Allgather(
                    send.baseAddress, count, cmpi_byte(), receive.baseAddress, count,
                    cmpi_byte(), communicator))
            return
        }
        // Parts that are too large for one call are broadcast by their owners in turn.
        for owner in 0..<size {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: receive[(owner * send.count)..<((owner + 1) * send.count)])
            if owner == rank { part.copyMemory(from: send) }
            try broadcast(part, root: owner)
        }
    }

    func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        for offset in stride(from: 0, to: buffer.count, by: chunkBytes) {
            let bytes = Int32(min(chunkBytes, buffer.count - offset))
            try check(
                "MPI_Send",
                MPI_Send(
                    buffer.baseAddress.map { $0 + offset }, bytes, cmpi_byte(), Int32(target),
                    Self.messageTag, communicator))
        }
    }

    func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        for offset in stride(from: 0, to: buffer.count, by: chunkBytes) {
            let bytes = Int32(min(chunkBytes, buffer.count - offset))
            try check(
                "MPI_Recv",
                MPI_Recv(
                    buffer.baseAddress.map { $0 + offset }, bytes, cmpi_byte(), Int32(source),
                    Self.messageTag, communicator, cmpi_ignored_status()))
        }
    }

    func finalize() throws(DistributedError) {
        try check("MPI_Finalize", MPI_Finalize())
    }

    /// Ends all processes of the job; does not return.
    func abort(status: Int32) {
        MPI_Abort(cmpi_world(), status)
    }

    private static let messageTag: Int32 = 2
    private static let frameTag: Int32 = 1

    private func check(_ call: String, _ code: Int32) throws(DistributedError) {
        guard code != cmpi_success() else { return }
        var text = [CChar](repeating: 0, count: Int(cmpi_error_string_bytes()))
        var length: Int32 = 0
        MPI_Error_string(code, &text, &length)
        let message = String(
            decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        throw .transport(name: "mpi", call: call, message: message)
    }
}

extension MPICalls {
    /// Sends a frame to all other processes and receives theirs, into `frames` in rank order.
    ///
    /// Unlike a collective of MPI it knows who has come, and does not spin for long. `wait` is
    /// called between two looks with the ranks that are missing.
    func exchange(
        _ frame: UnsafeRawBufferPointer, into frames: UnsafeMutableRawBufferPointer,
        wait: (_ look: Int, _ missing: () -> [Int]) throws(DistributedError) -> Void
    ) throws(DistributedError) {
        let bytes = frame.count
        UnsafeMutableRawBufferPointer(rebasing: frames[(rank * bytes)..<((rank + 1) * bytes)])
            .copyMemory(from: frame)
        guard let target = frames.baseAddress else { return }
        var receives = [MPI_Request?](repeating: cmpi_no_request(), count: size)
        var sends = receives
        for other in 0..<size where other != rank {
            try check(
                "MPI_Irecv",
                MPI_Irecv(
                    target + other * bytes, Int32(bytes), cmpi_byte(), Int32(other),
                    Self.frameTag, communicator, &receives[other]))
        }
        for distance in 1..<max(size, 1) {
            let other = (rank + distance) % size
            try check(
                "MPI_Isend",
                MPI_Isend(
                    frame.baseAddress, Int32(bytes), cmpi_byte(), Int32(other), Self.frameTag,
                    communicator, &sends[other]))
        }
        var waiting = (0..<size).filter { $0 != rank }
        var look = 0
        while true {
            for other in waiting {
                try test(&receives[other])
                try test(&sends[other])
            }
            waiting.removeAll { other in
                receives[other] == cmpi_no_request() && sends[other] == cmpi_no_request()
            }
            if waiting.isEmpty { return }
            let missing = waiting.filter { receives[$0] != cmpi_no_request() }
            try wait(look, { missing })
            look += 1
        }
    }

    /// Completes a request if it can be; it is then that of nothing.
    private func test(_ request: inout MPI_Request?) throws(DistributedError) {
        guard request != cmpi_no_request() else { return }
        var isDone: Int32 = 0
        try check("MPI_Test", MPI_Test(&request, &isDone, cmpi_ignored_status()))
    }
}
