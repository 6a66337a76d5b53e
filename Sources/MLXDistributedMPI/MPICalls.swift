import CMPI
import MLXDistributed

/// The MPI calls of the communication thread, on buffers of any size.
///
/// Unchecked: everything but `abort` runs on that thread.
final class MPICalls: @unchecked Sendable {
    /// Elements of half types that are converted at a time: 1 MiB of float32.
    private static let halfBlock = 1 << 18

    /// The largest count of one call; MPI counts in 32 bits.
    private let chunkElements: Int
    private lazy var scratch = Scratch(byteCount: 4 * Self.halfBlock)

    init(chunkElements: Int) {
        precondition(
            (1...Int(Int32.max)).contains(chunkElements),
            "[MPITransport] chunkElements must be in 1 ... 2147483647: got \(chunkElements)")
        self.chunkElements = chunkElements
    }

    /// Starts MPI and gives this process's place in the job.
    func initialize() throws(DistributedError) -> (rank: Int, size: Int) {
        let wanted = cmpi_thread_serialized()
        var provided: Int32 = 0
        try check("MPI_Init_thread", MPI_Init_thread(nil, nil, wanted, &provided))
        guard provided >= wanted else {
            throw .transport(
                name: "mpi", call: "MPI_Init_thread",
                message: "the library gives thread level \(provided), \(wanted) is needed")
        }
        try check(
            "MPI_Comm_set_errhandler",
            MPI_Comm_set_errhandler(cmpi_world(), cmpi_errors_return()))
        var (rank, size): (Int32, Int32) = (0, 0)
        try check("MPI_Comm_rank", MPI_Comm_rank(cmpi_world(), &rank))
        try check("MPI_Comm_size", MPI_Comm_size(cmpi_world(), &size))
        return (Int(rank), Int(size))
    }

    func allReduce(_ buffer: UnsafeMutableRawBufferPointer, _ reduction: RankReduction)
        throws(DistributedError)
    {
        guard let start = buffer.baseAddress else { return }
        let count = buffer.count / reduction.element.size
        if let type = Self.datatype(reduction.element) {
            try reduce(start, count, type, size: reduction.element.size, reduction.operation)
        } else {
            try reduceHalves(start, count, reduction)
        }
    }

    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws(DistributedError) {
        guard let start = buffer.baseAddress else { return }
        for offset in stride(from: 0, to: buffer.count, by: chunkElements) {
            let bytes = Int32(min(chunkElements, buffer.count - offset))
            try check(
                "MPI_Bcast",
                MPI_Bcast(start + offset, bytes, cmpi_byte(), Int32(root), cmpi_world()))
        }
    }

    func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer, rank: Int
    ) throws(DistributedError) {
        guard !send.isEmpty else { return }
        if send.count <= chunkElements {
            let count = Int32(send.count)
            try check(
                "MPI_Allgather",
                MPI_Allgather(
                    send.baseAddress, count, cmpi_byte(), receive.baseAddress, count,
                    cmpi_byte(), cmpi_world()))
            return
        }
        // Parts that are too large for one call are broadcast by their owners in turn.
        for owner in 0..<(receive.count / send.count) {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: receive[(owner * send.count)..<((owner + 1) * send.count)])
            if owner == rank { part.copyMemory(from: send) }
            try broadcast(part, root: owner)
        }
    }

    func barrier() throws(DistributedError) {
        try check("MPI_Barrier", MPI_Barrier(cmpi_world()))
    }

    func finalize() throws(DistributedError) {
        try check("MPI_Finalize", MPI_Finalize())
    }

    /// Ends all processes of the job; does not return.
    func abort(status: Int32) {
        MPI_Abort(cmpi_world(), status)
    }

    private func reduce(
        _ start: UnsafeMutableRawPointer, _ count: Int, _ type: MPI_Datatype, size: Int,
        _ operation: ReduceOperation
    ) throws(DistributedError) {
        for first in stride(from: 0, to: count, by: chunkElements) {
            try check(
                "MPI_Allreduce",
                MPI_Allreduce(
                    cmpi_in_place(), start + first * size,
                    Int32(min(chunkElements, count - first)), type,
                    Self.operation(operation), cmpi_world()))
        }
    }

    /// Sums half types in float32, a block at a time.
    private func reduceHalves(
        _ start: UnsafeMutableRawPointer, _ count: Int, _ reduction: RankReduction
    ) throws(DistributedError) {
        guard let floats = scratch.buffer.bindMemory(to: Float.self).baseAddress else { return }
        for first in stride(from: 0, to: count, by: Self.halfBlock) {
            let length = min(Self.halfBlock, count - first)
            let halves = start + first * reduction.element.size
            HalfConversion.widen(halves, reduction.element, count: length, into: floats)
            try reduce(UnsafeMutableRawPointer(floats), length, cmpi_float32(), size: 4, .sum)
            HalfConversion.narrow(floats, count: length, reduction.element, into: halves)
        }
    }

    private static func operation(_ operation: ReduceOperation) -> MPI_Op {
        switch operation {
        case .sum: cmpi_sum()
        case .max: cmpi_max()
        case .min: cmpi_min()
        }
    }

    /// Nil for the half types, which MPI does not have.
    private static func datatype(_ element: RankReduction.Element) -> MPI_Datatype? {
        switch element {
        case .int8: cmpi_int8()
        case .int16: cmpi_int16()
        case .int32: cmpi_int32()
        case .int64: cmpi_int64()
        case .uint8: cmpi_uint8()
        case .uint16: cmpi_uint16()
        case .uint32: cmpi_uint32()
        case .uint64: cmpi_uint64()
        case .float32: cmpi_float32()
        case .float64: cmpi_float64()
        case .float16, .bfloat16: nil
        }
    }

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
