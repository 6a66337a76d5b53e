import Foundation

/// Named arrays in the safetensors format; see ``SafetensorsHeader``.
enum Safetensors {
    /// Reads all arrays and the metadata.
    static func read(
        _ source: ArraySource
    ) throws(Malformed) -> ([String: MLXArray], [String: String]) {
        let bytes = source.bytes
        guard bytes.count >= 8 else { throw Malformed("\(bytes.count) bytes hold no header") }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= SafetensorsHeader.longest else {
            throw Malformed("the header's length, \(length), is beyond the format's limit")
        }
        let start = 8 + Int(length)
        guard start <= bytes.count else {
            throw Malformed("the header's length, \(length), is beyond the end")
        }
        let header = try SafetensorsHeader(
            parsing: Array(bytes[8..<start]), dataCount: bytes.count - start)
        var arrays: [String: MLXArray] = [:]
        for entry in header.entries {
            let range = start + entry.range.lowerBound..<start + entry.range.upperBound
            arrays[entry.name] = source.array(range, entry.spec)
        }
        return (arrays, header.metadata)
    }

    /// Hands the bytes of the format to `sink` one after the other; the same arrays and metadata
    /// give the same bytes.
    static func write(
        _ arrays: [String: MLXArray], metadata: [String: String], url: URL?,
        to sink: AtomicFile.Sink
    ) throws {
        let header = SafetensorsHeader(placing: arrays.mapValues(\.spec), metadata: metadata)
        let front = header.encoded
        if front.count - 8 > SafetensorsHeader.longest {
            throw LoadSaveError.unableToSave(
                url, "a header of \(front.count) bytes is beyond the format's limit")
        }
        try front.withUnsafeBytes(sink)
        for entry in header.entries {
            if let array = arrays[entry.name] { try withBytes(array, sink) }
        }
    }

    /// Throws where arrays can't be computed or can't be written under their names.
    static func prepare(_ arrays: [String: MLXArray], url: URL?) throws {
        if arrays[SafetensorsHeader.metadataKey] != nil {
            throw LoadSaveError.unableToSave(
                url, "\(SafetensorsHeader.metadataKey) can't be the name of an array")
        }
        try Evaluate.run(arrays.values.map(\.value.node))
    }
}
