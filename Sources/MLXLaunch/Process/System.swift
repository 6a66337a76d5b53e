import Glibc

/// The system's words for an errno value.
func systemWords(_ code: Int32) -> String { String(cString: strerror(code)) }

/// The path of the running program.
package func ownProgram() -> String {
    guard let path = realpath("/proc/self/exe", nil) else { return "/proc/self/exe" }
    defer { free(path) }
    return String(cString: path)
}

/// The name of this machine.
package func ownHostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// The variables of this process, `NAME=value` each.
func ownEnvironment() -> [String] {
    var variables: [String] = []
    var next = environ
    while let text = next.pointee {
        variables.append(String(cString: text))
        next += 1
    }
    return variables
}

/// The value of a variable of this process.
func ownVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// Random bytes of the system as hexadecimal digits.
func randomDigits(bytes: Int) -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<bytes).map { _ in
        let digits = String(UInt8.random(in: 0...255, using: &generator), radix: 16)
        return digits.count == 1 ? "0\(digits)" : digits
    }.joined()
}

/// The text of a small file; nil where it cannot be read.
package func smallFile(_ path: String) -> String? {
    guard let bytes = try? fileBytes(path) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
}

/// The bytes of a file of at most 16 MiB.
func fileBytes(_ path: String) throws(LaunchError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(path: path, code: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while bytes.count < 16 << 20 {
        let count = read(descriptor, &chunk, chunk.count)
        if count == 0 { break }
        guard count > 0 else {
            if errno == EINTR { continue }
            throw .unreadable(path: path, code: errno)
        }
        bytes += chunk[..<count]
    }
    return bytes
}

/// Two descriptors that no program started later inherits, the first of which never blocks.
func makePipe() throws(LaunchError) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .system(call: "pipe", code: errno) }
    for end in ends { keepFromPrograms(end) }
    setNonBlocking(ends[0])
    return (ends[0], ends[1])
}

/// Closes a descriptor in programs started later; nothing is started between its making and this,
/// because launcher and agent have one thread.
func keepFromPrograms(_ descriptor: Int32) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }

/// Makes a file of an own name from a pattern that ends in XXXXXX; -1 where that fails.
func makeTemporaryFile(_ pattern: String) -> (descriptor: Int32, path: String) {
    var path = Array(pattern.utf8CString)
    let descriptor = mkstemp(&path)
    if descriptor >= 0 { keepFromPrograms(descriptor) }
    return (
        descriptor, String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    )
}

/// Makes reads and writes of a descriptor return at once.
func setNonBlocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
}

/// Reads what is there, at most `limit` bytes; nil at the end or after an error.
func readAvailable(_ descriptor: Int32, limit: Int = 65536) -> [UInt8]? {
    var chunk = [UInt8](repeating: 0, count: limit)
    while true {
        let count = read(descriptor, &chunk, limit)
        if count > 0 { return Array(chunk[..<count]) }
        if count == 0 { return nil }
        if errno == EINTR { continue }
        return errno == EAGAIN ? [] : nil
    }
}

/// Writes a line to standard error at once.
package func complain(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}

/// The system's words for a signal.
func signalWords(_ signal: Int32) -> String { String(cString: strsignal(signal)) }

/// The working folder.
func ownFolder() -> String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
}
