import CKernels
import MLX

/// What an array is apart from its values.
struct ArraySignature: Equatable, Sendable {
    let shape: [Int]
    let dtype: DType

    init(_ array: MLXArray) {
        shape = array.shape
        dtype = array.dtype
    }

    var byteCount: Int { shape.reduce(dtype.size, *) }

    /// A number that stands for a list.
    static func fingerprint(_ signatures: [ArraySignature]) -> UInt64 {
        let text = signatures.map { "\($0.dtype)\($0.shape)" }.joined(separator: ";")
        return hash64(Array(text.utf8))
    }

    /// Throws `differentArrays` unless all ranks bring the same list; a collective.
    static func checkAgreement(_ signatures: [ArraySignature], over transport: any Transport)
        throws(DistributedError)
    {
        let fingerprints = try transport.allGather(fingerprint(signatures))
        let ranks = ranksOutsideMajority(fingerprints)
        if !ranks.isEmpty { throw .differentArrays(ranks: ranks) }
    }
}

/// The ranks whose value is not the most frequent one; among equally frequent ones that of the
/// lowest rank counts.
func ranksOutsideMajority(_ values: [UInt64]) -> [Int] {
    var counts: [UInt64: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    let most = counts.values.max() ?? 0
    let common = values.first { counts[$0] == most }
    return values.indices.filter { values[$0] != common }
}

/// A 64-bit hash of bytes.
func hash64(_ bytes: [UInt8]) -> UInt64 {
    bytes.withUnsafeBytes { hash64($0) }
}

/// A 64-bit hash of bytes.
package func hash64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    guard let start = bytes.baseAddress else { return 0 }
    return ck_hash64(start, bytes.count, 0)
}
