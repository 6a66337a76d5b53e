import Glibc

/// The room on the device of a folder.
package enum DiskSpace {
    /// The bytes that this user may still write below `folder`; nil where the file system does not
    /// tell.
    package static func free(at folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0, status.f_blocks > 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail)
            .multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? nil : Int(clamping: bytes)
    }

    /// Throws `RunError.noRoom` where a checkpoint does not fit in the folder's device.
    package static func require(_ bytes: Int, at folder: String) throws(RunError) {
        guard let free = free(at: folder), free < bytes else { return }
        throw .noRoom(folder: folder, needed: bytes, free: free)
    }
}
