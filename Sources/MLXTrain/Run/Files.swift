import Glibc

/// File operations that report every error of the system and make what they write durable.
package enum Files {
    /// What a path is, without following a symbolic link.
    package enum Kind: Equatable, Sendable {
        case file(bytes: Int)
        case folder
        case link
        case other
    }

    /// What lies at `path`, or nil where there is nothing.
    package static func kind(of path: String) throws(FileFailure) -> Kind? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw FileFailure("read", path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(bytes: Int(status.st_size))
        case S_IFDIR: return .folder
        case S_IFLNK: return .link
        default: return .other
        }
    }

    /// The path behind all symbolic links, or nil where there is nothing.
    package static func resolved(_ path: String) -> String? {
        guard let pointer = realpath(path, nil) else { return nil }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    /// The names in a folder, sorted; `.` and `..` are left out.
    package static func names(in folder: String) throws(FileFailure) -> [String] {
        guard let stream = opendir(folder) else { throw FileFailure("read", folder) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw FileFailure("read", folder) }
        return names.sorted()
    }

    /// All bytes of a regular file.
    package static func read(_ path: String) throws(FileFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        try readChunks(of: path) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Hands the bytes of a file to `body`, a piece of at most 1 MiB at a time.
    package static func readChunks(
        of path: String, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(FileFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure("read", path) }
        defer { close(descriptor) }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { chunk.deallocate() }
        while true {
            let count = Glibc.read(descriptor, chunk.baseAddress, chunk.count)
            if count == 0 { return }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFailure("read", path)
            }
            body(UnsafeRawBufferPointer(rebasing: chunk[..<count]))
        }
    }

    /// Creates a folder and the folders above it, durably; one that exists is left as it is.
    package static func makeFolder(_ path: String) throws(FileFailure) {
        if mkdir(path, 0o777) == 0 { return try synchronize(parent(of: path)) }
        switch errno {
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw FileFailure("create", path, code: ENOTDIR)
            }
        case ENOENT where parent(of: path) != path:
            try makeFolder(parent(of: path))
            guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
                throw FileFailure("create", path)
            }
            try synchronize(parent(of: path))
        default:
            throw FileFailure("create", path)
        }
    }

    /// Creates a file with these bytes and forces them to the device.
    package static func write(
        _ bytes: some Sequence<UInt8>, to path: String
    ) throws(FileFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileFailure("create", path) }
        var written = FileFailure?.none
        do throws(FileFailure) {
            try append(Array(bytes), to: descriptor, path: path)
            guard fsync(descriptor) == 0 else { throw FileFailure("synchronize", path) }
        } catch {
            written = error
        }
        let closed = close(descriptor)
        if let written { throw written }
        guard closed == 0 else { throw FileFailure("close", path) }
    }

    /// Writes all bytes to an open descriptor; `path` is for the words of an error.
    package static func append(
        _ bytes: [UInt8], to descriptor: Int32, path: String
    ) throws(FileFailure) {
        var failure: FileFailure?
        bytes.withUnsafeBytes { raw in
            do throws(FileFailure) {
                try append(raw, to: descriptor, path: path)
            } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes all bytes to an open descriptor; `path` is for the words of an error.
    package static func append(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String
    ) throws(FileFailure) {
        var start = 0
        while start < bytes.count {
            let count = Glibc.write(
                descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
            if count > 0 {
                start += count
            } else if count == 0 || errno != EINTR {
                throw FileFailure("write", path, code: count == 0 ? EIO : errno)
            }
        }
    }

    /// Forces a file, or the entries of a folder, to the device.
    package static func synchronize(_ path: String) throws(FileFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure("synchronize", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileFailure("synchronize", path) }
    }

    /// Replaces the file at `path` in one step, so that a reader sees the old or the new bytes.
    package static func replace(
        _ path: String, with bytes: some Sequence<UInt8>
    ) throws(FileFailure) {
        let temporary = "\(path).tmp-\(getpid())"
        do throws(FileFailure) {
            try write(bytes, to: temporary)
            try rename(temporary, to: path)
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronize(parent(of: path))
    }

    /// Renames a file or folder within one file system.
    package static func rename(_ source: String, to target: String) throws(FileFailure) {
        guard Glibc.rename(source, target) == 0 else { throw FileFailure("rename to", target) }
    }

    /// Copies the bytes of a file to a new one and forces them to the device.
    package static func copy(_ source: String, to target: String) throws(FileFailure) {
        let writer = try FileWriter(target)
        var failure: FileFailure?
        try readChunks(of: source) { piece in
            guard failure == nil else { return }
            do throws(FileFailure) { try writer.append(piece) } catch { failure = error }
        }
        if let failure { throw failure }
        _ = try writer.finish()
    }

    /// Removes a file, a link, or a folder with all that lies in it; nothing there is no error.
    package static func remove(_ path: String) throws(FileFailure) {
        guard let kind = try kind(of: path) else { return }
        if kind == .folder {
            for name in try names(in: path) { try remove("\(path)/\(name)") }
        }
        let removed = kind == .folder ? rmdir(path) : unlink(path)
        guard removed == 0 || errno == ENOENT else { throw FileFailure("remove", path) }
    }

    /// The folder that holds `path`.
    package static func parent(of path: String) -> String {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}
