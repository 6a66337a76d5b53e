import Glibc

/// What Open MPI leaves on a node when its mpirun or a rank is killed, and its removal.
package enum MPISession {
    private static let segments = "/dev/shm"

    /// Removes the files of an mpirun that has ended.
    static func clear(launcher: pid_t) {
        let base = ["TMPDIR", "TEMP", "TMP"].lazy.compactMap(ownVariable).first ?? "/tmp"
        let parent = "\(base)/ompi.\(ownHostName()).\(getuid())"
        let folder = "\(parent)/pid.\(launcher)"
        guard access(folder, F_OK) == 0 else { return }
        // The contact begins with the number of the job's family, in whose ranks' names it stands.
        if let contact = smallFile("\(folder)/contact.txt"),
            let family = UInt32(contact.prefix { $0.isNumber })
        {
            clearSegments { $0.contains(".\(String(family + 1, radix: 16)).") }
        }
        removeTree(folder)
        rmdir(parent)
    }

    /// Removes the shared memory of the rank that this process started under mpirun.
    static func clearOwnSegment() {
        guard let job = ownVariable("PMIX_NAMESPACE").flatMap({ UInt32($0) }),
            let rank = ownVariable("PMIX_RANK")
        else { return }
        clearSegments { $0.hasSuffix(".\(String(job, radix: 16)).\(rank)") }
    }

    /// Removes the shared memory of this user's ranks of former jobs, which nobody holds any more.
    package static func clearStaleSegments() {
        clearSegments { name in
            let descriptor = open("\(segments)/\(name)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { return false }
            defer { close(descriptor) }
            // The system gives a lease on what no other process has open or mapped.
            return fcntl(descriptor, setLease, Int32(F_WRLCK)) == 0
        }
    }

    /// `F_SETLEASE`, which the headers hide.
    private static let setLease: Int32 = 1024

    /// What the names of this user's segments begin with.
    package static var segmentPrefix: String { "vader_segment.\(ownHostName()).\(getuid())." }

    private static func clearSegments(where isWanted: (String) -> Bool) {
        for name in names(in: segments) where name.hasPrefix(segmentPrefix) && isWanted(name) {
            unlink("\(segments)/\(name)")
        }
    }

    private static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a folder and what is in it, without following links.
    private static func removeTree(_ path: String) {
        guard unlink(path) != 0 else { return }
        for name in names(in: path) { removeTree("\(path)/\(name)") }
        rmdir(path)
    }
}
