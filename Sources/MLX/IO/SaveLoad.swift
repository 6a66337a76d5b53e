import Foundation

/// Writes one array in numpy's format; the file extension must be `npy`.
///
/// The file is replaced in one step: readers see the old bytes or all of the new ones. Bfloat16,
/// which numpy lacks, is marked as MLX for Python marks it (`V2`). Throws ``LoadSaveError``, and
/// ``MLXError`` where the array can't be computed.
public func save(array: MLXArray, url: URL, stream: StreamOrDevice = .default) throws {
    try checkExtension(url, ["npy"])
    try Evaluate.run(array.value.node)
    let header = Npy.header(array.spec)
    try AtomicFile.write(to: url) { sink in
        try header.withUnsafeBytes(sink)
        try withBytes(array, sink)
    }
}

/// Writes named arrays, in the safetensors format with metadata or, without, as an archive of numpy
/// files, by the file extension: `safetensors` or `npz`.
///
/// The file is replaced in one step: readers see the old bytes or all of the new ones. The same
/// arrays and metadata give the same bytes. Throws ``LoadSaveError``, and ``MLXError`` where an
/// array can't be computed.
public func save(
    arrays: [String: MLXArray], metadata: [String: String] = [:], url: URL,
    stream: StreamOrDevice = .default
) throws {
    try checkExtension(url, ["safetensors", "npz"])
    if url.pathExtension == "npz" {
        guard metadata.isEmpty else {
            throw LoadSaveError.unableToSave(url, "npz holds no metadata: save as safetensors")
        }
        return try save(arrays: arrays, url: url, compressed: false, stream: stream)
    }
    try Safetensors.prepare(arrays, url: url)
    try AtomicFile.write(to: url) {
        try Safetensors.write(arrays, metadata: metadata, url: url, to: $0)
    }
}

/// Writes named arrays as an archive of numpy files; the file extension must be `npz`.
///
/// The file is replaced in one step: readers see the old bytes or all of the new ones. The same
/// arrays give the same bytes. Throws ``LoadSaveError``, and ``MLXError`` where an array can't be
/// computed.
///
/// - Parameters:
///   - compressed: whether to deflate the arrays, as numpy's `savez_compressed` does
public func save(
    arrays: [String: MLXArray], url: URL, compressed: Bool, stream: StreamOrDevice = .default
) throws {
    try checkExtension(url, ["npz"])
    try Evaluate.run(arrays.values.map(\.value.node))
    do {
        try AtomicFile.write(to: url) { try Npz.write(arrays, isCompressed: compressed, to: $0) }
    } catch let error as Malformed {
        throw LoadSaveError.unableToSave(url, error.reason)
    }
}

/// The bytes that ``save(arrays:metadata:url:stream:)`` writes.
public func saveToData(
    arrays: [String: MLXArray], metadata: [String: String] = [:]
) throws -> Data {
    try Safetensors.prepare(arrays, url: nil)
    var data = Data()
    try Safetensors.write(arrays, metadata: metadata, url: nil) { data.append(contentsOf: $0) }
    return data
}

/// Reads an array from a file in numpy's format; the file extension must be `npy`.
///
/// A large array lies in the file's pages without a copy: another file may take the name meanwhile,
/// but the file itself must not be written or cut. Big-endian elements are turned round. Throws
/// ``LoadSaveError``.
public func loadArray(url: URL, stream: StreamOrDevice = .cpu) throws -> MLXArray {
    try checkExtension(url, ["npy"])
    return try read(url, Npy.read)
}

/// Reads named arrays from a file; the file extension must be `safetensors`, `npz` or `gguf`.
///
/// See ``loadArraysAndMetadata(url:stream:)`` and ``loadGGUF(url:dequantizedTo:)``.
public func loadArrays(url: URL, stream: StreamOrDevice = .cpu) throws -> [String: MLXArray] {
    if url.pathExtension == "gguf" { return try loadGGUF(url: url).arrays }
    return try loadArraysAndMetadata(url: url, stream: stream).0
}

/// Reads named arrays and metadata from a file; the file extension must be `safetensors` or `npz`,
/// which has no metadata.
///
/// Large arrays lie in the file's pages without a copy: another file may take the name meanwhile,
/// but the file itself must not be written or cut, or the system ends the process (SIGBUS). Those of
/// an npz file are read once, for their checksums, and lie in memory where they are deflated.
/// 8-bit floats come as uint8. Throws ``LoadSaveError``.
public func loadArraysAndMetadata(
    url: URL, stream: StreamOrDevice = .cpu
) throws -> ([String: MLXArray], [String: String]) {
    try checkExtension(url, ["safetensors", "npz"])
    if url.pathExtension == "npz" { return (try read(url, Npz.read), [:]) }
    return try read(url, Safetensors.read)
}

/// Reads named arrays from the bytes of a safetensors file; throws ``LoadSaveError``.
public func loadArrays(
    data: Data, stream: StreamOrDevice = .cpu
) throws -> [String: MLXArray] {
    try loadArraysAndMetadata(data: data, stream: stream).0
}

/// Reads named arrays and metadata from the bytes of a safetensors file; throws ``LoadSaveError``.
public func loadArraysAndMetadata(
    data: Data, stream: StreamOrDevice = .cpu
) throws -> ([String: MLXArray], [String: String]) {
    do {
        return try data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws in
            try Safetensors.read(ArraySource(bytes: bytes, file: nil))
        }
    } catch let error as Malformed {
        throw LoadSaveError.malformed(nil, error.reason)
    }
}

func read<Result>(
    _ url: URL, _ parse: (ArraySource) throws(Malformed) -> Result
) throws(LoadSaveError) -> Result {
    let file = try FileBytes(url: url)
    do {
        return try parse(ArraySource(bytes: file.bytes, file: file))
    } catch {
        throw .malformed(url, error.reason)
    }
}

private func checkExtension(_ url: URL, _ expected: [String]) throws(LoadSaveError) {
    guard expected.contains(url.pathExtension) else {
        throw .unknownExtension(url.pathExtension)
    }
}
