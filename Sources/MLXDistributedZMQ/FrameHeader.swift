import MLX
import MLXDistributed

/// What ties a frame to one start of one job.
package struct JobStamp: Equatable, Sendable {
    /// A number of the job's name, and of its secret where it has one.
    package let job: UInt64
    /// How often the job was started again.
    package let epoch: UInt32
    /// A random number that rank 0 chose at this start.
    package let session: UInt64

    package init(job: UInt64, epoch: UInt32, session: UInt64) {
        self.job = job
        self.epoch = epoch
        self.session = session
    }
}

/// A collective as frames name it; all ranks must have called the same.
package struct CollectiveName: Equatable, Sendable {
    package enum Kind: UInt8 { case allReduce, broadcast, allGather, barrier, send }

    package let kind: Kind
    package var operation: UInt8 = 0
    package var dtype: UInt8 = 0
    package var root: UInt16 = 0
    package let byteCount: Int

    package init(_ kind: Kind, byteCount: Int, root: Int = 0) {
        self.kind = kind
        self.byteCount = byteCount
        self.root = UInt16(truncatingIfNeeded: root)
    }

    package init(reducing byteCount: Int, _ dtype: DType, _ operation: ReduceOperation) {
        self.init(.allReduce, byteCount: byteCount)
        self.operation = UInt8(ReduceOperation.allCases.firstIndex(of: operation) ?? 0)
        self.dtype = UInt8(DType.allCases.firstIndex(of: dtype) ?? 0)
    }
}

extension CollectiveName: CustomStringConvertible {
    package var description: String {
        switch kind {
        case .allReduce:
            let operations = ReduceOperation.allCases
            let operation = operations[Int(operation) % operations.count]
            let dtype = DType.allCases[Int(dtype) % DType.allCases.count]
            return "allReduce(\(operation) of \(dtype), \(byteCount) bytes)"
        case .broadcast: return "broadcast(root \(root), \(byteCount) bytes)"
        case .allGather: return "allGather(\(byteCount) bytes)"
        case .barrier: return "barrier()"
        case .send: return "send(\(byteCount) bytes)"
        }
    }
}

/// The beginning of every frame between two ranks: who sent it, in which job, and its place in the
/// stream and in the collective.
package struct FrameHeader: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// A piece of a collective.
        case piece(CollectiveName)
        /// The receiver has taken up `count` frames.
        case credit(count: Int)
    }

    package static let byteCount = 80
    private static let magic: UInt64 = 0x5A58_4C4D  // "MLXZ"
    private static let version: UInt64 = 1

    package var kind: Kind
    package var stamp: JobStamp
    package var source: Int
    package var target: Int
    /// The number of the frame among those of its source to its target.
    package var sequence: UInt64 = 0
    /// The number of the collective among those of its source.
    package var call: UInt64 = 0
    /// The step of the algorithm.
    package var step = 0
    /// The first byte or element of the piece.
    package var offset = 0

    package init(
        kind: Kind, stamp: JobStamp, source: Int, target: Int, sequence: UInt64 = 0,
        call: UInt64 = 0, step: Int = 0, offset: Int = 0
    ) {
        self.kind = kind
        self.stamp = stamp
        self.source = source
        self.target = target
        self.sequence = sequence
        self.call = call
        self.step = step
        self.offset = offset
    }
}

extension FrameHeader {
    /// Writes the header to the first bytes of a message; little-endian words.
    package func write(to bytes: UnsafeMutableRawBufferPointer) {
        var head = Self.magic | Self.version << 32
        var (first, second): (UInt64, UInt64)
        switch kind {
        case .piece(let name):
            head |= (UInt64(name.kind.rawValue) + 1) << 40
            head |= UInt64(name.operation) << 48 | UInt64(name.dtype) << 56
            (first, second) = (UInt64(name.root), UInt64(name.byteCount))
        case .credit(let count):
            (first, second) = (0, UInt64(count))
        }
        first |= UInt64(stamp.epoch) << 32
        let words = [
            head, stamp.job, stamp.session, first, second,
            UInt64(source) | UInt64(target) << 32, sequence, call, UInt64(step), UInt64(offset),
        ]
        for (index, word) in words.enumerated() {
            bytes.storeBytes(of: word.littleEndian, toByteOffset: 8 * index, as: UInt64.self)
        }
    }

    /// Reads a header; nil where the bytes are none of ours.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount else { return nil }
        func word(_ index: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
        }
        let head = word(0)
        guard head & 0xFF_FFFF_FFFF == Self.magic | Self.version << 32,
            let amount = Int(exactly: word(4)), let step = Int(exactly: word(8)),
            let offset = Int(exactly: word(9))
        else { return nil }
        let code = UInt8(truncatingIfNeeded: head >> 40)
        if code == 0 {
            kind = .credit(count: amount)
        } else {
            guard let collective = CollectiveName.Kind(rawValue: code - 1) else { return nil }
            var name = CollectiveName(
                collective, byteCount: amount, root: Int(word(3) & 0xFFFF))
            name.operation = UInt8(truncatingIfNeeded: head >> 48)
            name.dtype = UInt8(truncatingIfNeeded: head >> 56)
            kind = .piece(name)
        }
        stamp = JobStamp(job: word(1), epoch: UInt32(word(3) >> 32), session: word(2))
        source = Int(word(5) & 0xFFFF_FFFF)
        target = Int(word(5) >> 32)
        sequence = word(6)
        call = word(7)
        self.step = step
        self.offset = offset
    }
}
