/// Named arrays in numpy's format: a ZIP archive of npy files.
package enum Npz {
    private static let suffix = ".npy"

    /// Reads all arrays. A member's name is a key here and nowhere a path.
    static func read(_ source: ArraySource) throws(Malformed) -> [String: MLXArray] {
        let reader = try ZipReader(source)
        var arrays: [String: MLXArray] = [:]
        for (number, member) in reader.members.enumerated() {
            guard member.name.hasSuffix(suffix) else {
                throw Malformed("member \"\(member.name)\" is no npy file")
            }
            let content = try reader.content(number)
            do {
                arrays[String(member.name.dropLast(suffix.count))] = try Npy.read(content)
            } catch {
                throw Malformed("member \"\(member.name)\": \(error.reason)")
            }
        }
        return arrays
    }

    /// Hands the bytes of the archive to `sink` one after the other; the same arrays give the same
    /// bytes.
    ///
    /// - Parameters:
    ///   - wide: the sizes from which on ZIP64 is used
    package static func write(
        _ arrays: [String: MLXArray], isCompressed: Bool, wide: UInt64 = 0xFFFF_FFFF,
        to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        if let name = arrays.keys.first(where: { $0.utf8.count + suffix.count > UInt16.max }) {
            throw Malformed("a name of \(name.utf8.count) bytes is beyond the format's limit")
        }
        try withoutActuallyEscaping(sink) { sink in
            var writer = ZipWriter(isCompressed: isCompressed, wide: wide, to: sink)
            for (name, array) in arrays.sorted(by: { $0.key < $1.key }) {
                let header = Npy.header(array.spec)
                try writer.add(name + suffix) { sink in
                    try header.withUnsafeBytes(sink)
                    try withBytes(array, sink)
                }
            }
            try writer.finish()
        }
    }
}
