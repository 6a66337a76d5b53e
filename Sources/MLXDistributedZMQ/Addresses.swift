import Glibc
import MLXDistributed

/// Addresses of this host and of others, in numbers.
enum Addresses {
    /// Whether a name or address stands for the host itself.
    static func isLoopback(_ name: String) -> Bool {
        name == "localhost" || name == "::1" || name.hasPrefix("127.")
    }

    /// The first address of a host, by its name or as it is.
    static func resolve(_ host: String) throws(DistributedError) -> String {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0, let first = list else {
            throw .invalidEnvironment(
                variable: "MASTER_ADDR", value: host, reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(list) }
        let entries = sequence(first: first) { $0.pointee.ai_next }
        let preferred = entries.first { $0.pointee.ai_family == AF_INET } ?? first
        return numeric(preferred.pointee.ai_addr) ?? host
    }

    /// The address with which this host reaches another; nothing is sent.
    static func local(reaching address: String, port: Int) -> String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address, "\(port)", &hints, &list) == 0, let target = list else {
            return nil
        }
        defer { freeaddrinfo(list) }
        let descriptor = socket(target.pointee.ai_family, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard connect(descriptor, target.pointee.ai_addr, target.pointee.ai_addrlen) == 0 else {
            return nil
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                getsockname(descriptor, name, &length) == 0 ? numeric(name) : nil
            }
        }
    }

    /// This host's address on an interface, or in a network such as `10.0.0.0/16`, or the address
    /// itself.
    static func local(named choice: String) throws(DistributedError) -> String {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0, let first = list else {
            throw .transport(
                name: "zmq", call: "getifaddrs", message: String(cString: strerror(errno)))
        }
        defer { freeifaddrs(list) }
        var found: [(interface: String, address: String)] = []
        for entry in sequence(first: first, next: { $0.pointee.ifa_next }) {
            guard let name = entry.pointee.ifa_addr, let address = numeric(name) else { continue }
            found.append((String(cString: entry.pointee.ifa_name), address))
        }
        let network = Network(choice)
        let match =
            found.first { $0.address == choice || network?.contains($0.address) == true }
            ?? found.first { $0.interface == choice && !$0.address.contains(":") }
            ?? found.first { $0.interface == choice && !$0.address.hasPrefix("fe80:") }
        if let match { return match.address }
        let known = found.map { "\($0.interface) \($0.address)" }.joined(separator: ", ")
        throw .invalidEnvironment(
            variable: "MLX_INTERFACE", value: choice,
            reason: "this host has no such interface, address or network; it has \(known)")
    }

    /// An endpoint as ZeroMQ writes it; a port of nil is any free one.
    static func endpoint(_ address: String, port: Int?) -> String {
        let host = address.contains(":") ? "[\(address)]" : address
        return "tcp://\(host):\(port.map(String.init) ?? "*")"
    }

    private static func numeric(_ name: UnsafeMutablePointer<sockaddr>) -> String? {
        let length: Int
        switch Int32(name.pointee.sa_family) {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        var text = [CChar](repeating: 0, count: 256)
        let code = getnameinfo(
            name, socklen_t(length), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        guard code == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// A network of IPv4 addresses, `10.0.0.0/16`.
struct Network: Equatable {
    private let prefix: UInt32
    private let mask: UInt32

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let bits = Int(parts[1]), (0...32).contains(bits),
            let address = Self.number(String(parts[0]))
        else { return nil }
        mask = bits == 0 ? 0 : ~0 << (32 - bits)
        prefix = address & mask
    }

    func contains(_ address: String) -> Bool {
        Self.number(address).map { $0 & mask == prefix } ?? false
    }

    private static func number(_ address: String) -> UInt32? {
        var value = in_addr()
        guard inet_pton(AF_INET, address, &value) == 1 else { return nil }
        return UInt32(bigEndian: value.s_addr)
    }
}
