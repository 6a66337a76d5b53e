import Foundation

/// Writes one array in numpy's format; the file extension must be `npy`.
///
/// The file is replaced in one step: readers see the old bytes or all of the new ones. Throws
/// ``LoadSaveError``, also for bfloat16, which the format lacks, and ``MLXError`` where the array
/// can't be computed.
public func save(array: MLXArray, url: URL, stream: StreamOrDevice = .default) throws {
    try checkExtension(url, "npy")
    try Evaluate.run([array.value.node])
    let header = try Npy.header(array.spec, url: url)
    try AtomicFile.write(to: url) { sink in
        try header.withUnsafeBytes(sink)
        try withBytes(array, sink)
    }
}

/// Writes named arrays and metadata in the safetensors format; the file extension must be
/// `safetensors`.
///
/// The file is replaced in one step: readers see the old bytes or all of the new ones. The same
/// arrays and metadata give the same bytes. Throws ``LoadSaveError``, and ``MLXError`` where an
/// array can't be computed.
public func save(
    arrays: [String: MLXArray], metadata: [String: String] = [:], url: URL,
    stream: StreamOrDevice = .default
) throws {
    try checkExtension(url, "safetensors")
    try Safetensors.prepare(arrays, url: url)
    try AtomicFile.write(to: url) {
        try Safetensors.write(arrays, metadata: metadata, url: url, to: $0)
    }
}

/// The bytes that ``save(arrays:metadata:url:)`` writes.
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
/// but the file itself must not be written or cut. Throws ``LoadSaveError``.
public func loadArray(url: URL, stream: StreamOrDevice = .default) throws -> MLXArray {
    try checkExtension(url, "npy")
    return try read(url, Npy.read)
}

/// Reads named arrays from a file; the file extension must be `safetensors` or `gguf`.
///
/// See ``loadArraysAndMetadata(url:)`` and ``loadGGUF(url:dequantizedTo:)``.
public func loadArrays(url: URL, stream: StreamOrDevice = .default) throws -> [String: MLXArray] {
    if url.pathExtension == "gguf" { return try loadGGUF(url: url).arrays }
    return try loadArraysAndMetadata(url: url).0
}

/// Reads named arrays and metadata from a file; the file extension must be `safetensors`.
///
/// Large arrays lie in the file's pages without a copy: another file may take the name meanwhile,
/// but the file itself must not be written or cut. 8-bit floats come as uint8. Throws
/// ``LoadSaveError``.
public func loadArraysAndMetadata(url: URL, stream: StreamOrDevice = .default) throws -> (
    [String: MLXArray], [String: String]
) {
    try checkExtension(url, "safetensors")
    return try read(url, Safetensors.read)
}

/// Reads named arrays from the bytes of a safetensors file; throws ``LoadSaveError``.
public func loadArrays(data: Data, stream: StreamOrDevice = .default) throws -> [String: MLXArray] {
    try loadArraysAndMetadata(data: data).0
}

/// Reads named arrays and metadata from the bytes of a safetensors file; throws ``LoadSaveError``.
public func loadArraysAndMetadata(data: Data, stream: StreamOrDevice = .default) throws -> (
    [String: MLXArray], [String: String]
) {
    do {
        return try data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws in
            try Safetensors.read(ArraySource(bytes: bytes, file: nil))
        }
    } catch let error as Malformed {
        throw LoadSaveError.malformed(nil, error.reason)
    }
}

private func read<Result>(
    _ url: URL, _ parse: (ArraySource) throws(Malformed) -> Result
) throws(LoadSaveError) -> Result {
    let file = try FileBytes(url: url)
    do {
        return try parse(ArraySource(bytes: file.bytes, file: file))
    } catch {
        throw .malformed(url, error.reason)
    }
}

private func checkExtension(_ url: URL, _ expected: String) throws(LoadSaveError) {
    guard url.pathExtension == expected else { throw .unknownExtension(url.pathExtension) }
}
