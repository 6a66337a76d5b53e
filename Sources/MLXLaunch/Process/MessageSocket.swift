import Glibc

/// Sockets between the launcher and the agents that mpirun starts.
package enum MessageSocket {
    /// Connects to the first of some addresses, `HOST PORT` as `ADDRESS/PORT`, that answers.
    static func connect(_ addresses: [String]) throws(LaunchError) -> Int32 {
        var failure = LaunchError.usage("no address of the launcher")
        for address in addresses {
            let parts = address.split(separator: "/").map(String.init)
            guard parts.count == 2 else { continue }
            do throws(LaunchError) {
                return try open(parts[0], port: parts[1]) { socket, address, length in
                    Glibc.connect(socket, address, length)
                }
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// A socket that waits for connections on an address, at a port that the system chooses.
    static func listen(on address: String) throws(LaunchError) -> (socket: Int32, port: Int) {
        let socket = try open(address, port: "0", then: bind)
        guard Glibc.listen(socket, 256) == 0 else {
            let code = errno
            close(socket)
            throw .system(call: "listening on \(address)", code: code)
        }
        setNonBlocking(socket)
        return (socket, port(of: socket))
    }

    /// A socket that keeps a port of an address for a rank which binds it too and listens there.
    static func reserve(on address: String) throws(LaunchError) -> (socket: Int32, port: Int) {
        let socket = try open(address, port: "0", then: bind)
        return (socket, port(of: socket))
    }

    /// Whether a connection to a port of an address can be made.
    package static func works(on address: String) -> Bool {
        guard let (socket, port) = try? listen(on: address) else { return false }
        defer { close(socket) }
        guard let other = try? connect(["\(address)/\(port)"]) else { return false }
        close(other)
        return true
    }

    /// The next connection; nil where nobody waits.
    static func accept(_ socket: Int32) -> Int32? {
        let connection = Glibc.accept(socket, nil, nil)
        guard connection >= 0 else { return nil }
        keepFromPrograms(connection)
        return connection
    }

    /// The address of this machine that packets to `host` come from; nil where it has none.
    static func localAddress(towards host: String) -> String? {
        guard
            let socket = try? open(
                host, port: "9", type: SOCK_DGRAM,
                then: { Glibc.connect($0, $1, $2) })
        else { return nil }
        defer { close(socket) }
        return name(of: socket)?.host
    }

    private static func port(of socket: Int32) -> Int { name(of: socket)?.port ?? 0 }

    private static func name(of socket: Int32) -> (host: String, port: Int)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: 256)
        var service = [CChar](repeating: 0, count: 32)
        let isNamed = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(socket, address, &length) == 0
                    && getnameinfo(
                        address, length, &host, 256, &service, 32, NI_NUMERICHOST | NI_NUMERICSERV)
                        == 0
            }
        }
        guard isNamed, let port = Int(text(service)) else { return nil }
        return (text(host), port)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Makes a socket for each address of a host until `use` succeeds with one.
    private static func open(
        _ host: String, port: String, type: __socket_type = SOCK_STREAM,
        then use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(LaunchError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(type.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, port, &hints, &list)
        guard result == 0 else {
            throw .usage("no address of host \(host): \(String(cString: gai_strerror(result)))")
        }
        defer { freeaddrinfo(list) }
        var code = EADDRNOTAVAIL
        var next = list
        while let info = next?.pointee {
            next = info.ai_next
            let socket = Glibc.socket(
                info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard socket >= 0, let address = info.ai_addr else { continue }
            var yes: Int32 = 1
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            if use(socket, address, info.ai_addrlen) == 0 { return socket }
            code = errno
            close(socket)
        }
        throw .system(call: "a socket for \(host)", code: code)
    }
}
