/// A machine that runs ranks.
package struct Host: Equatable, Sendable {
    /// The name for ssh, perhaps with `user@` before it.
    package var name: String
    /// The ranks it should run.
    package var slots: Int
    /// The ranks it may run at most; nil for any number.
    package var maxSlots: Int?
    /// The address under which other hosts reach it, where a hostfile tells.
    package var address: String?

    package init(_ name: String, slots: Int, maxSlots: Int? = nil, address: String? = nil) {
        self.name = name
        self.slots = slots
        self.maxSlots = maxSlots
        self.address = address
    }

    /// This machine.
    package static func local(slots: Int) -> Host { Host("localhost", slots: slots) }

    /// Whether it is this machine, so that no ssh is needed.
    package var isLocal: Bool {
        let own = ownHostName()
        return ["localhost", "127.0.0.1", "::1", own, String(own.prefix { $0 != "." })]
            .contains(name)
    }

    /// The name without a user.
    package var bareName: String { String(name.split(separator: "@").last ?? "") }

    /// Why a name is none of a host; nil where it is one. It becomes an argument of ssh.
    static func fault(inName name: some StringProtocol) -> String? {
        let allowed = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || "._:-@%".utf8.contains(byte)
        }
        guard allowed, !name.isEmpty, !name.hasPrefix("-"), !name.hasPrefix("@"),
            !name.hasSuffix("@"), name.filter({ $0 == "@" }).count <= 1
        else {
            return "'\(name)' is not the name of a host: letters, digits, '.', '_', '-' and "
                + "':', perhaps with 'user@' before"
        }
        return nil
    }
}

/// The hosts of a job in the order in which they are filled; a host named again gets more slots.
struct HostList {
    private(set) var hosts: [Host] = []

    mutating func add(_ host: Host) {
        guard let index = hosts.firstIndex(where: { $0.name == host.name }) else {
            hosts.append(host)
            return
        }
        hosts[index].slots += host.slots
        if let limit = host.maxSlots { hosts[index].maxSlots = limit }
        if hosts[index].address == nil { hosts[index].address = host.address }
    }
}

extension Host {
    /// Reads the hosts of the command line: `a:2,b:2`, or `a,b` for one slot each; an IPv6 address
    /// stands in brackets.
    package static func list(_ text: String) throws(LaunchError) -> [Host] {
        var list = HostList()
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            // Blanks around a host are no part of it; those within are a fault.
            let words = item.split(separator: " ")
            list.add(try Host(item: words.joined(separator: " ")))
        }
        return list.hosts
    }

    private init(item: String) throws(LaunchError) {
        var (name, slots) = (item, 1)
        if let colon = item.lastIndex(of: ":"), !item.hasSuffix("]") {
            name = String(item[..<colon])
            let count = item[item.index(after: colon)...]
            guard let number = Int(count), number > 0 else {
                throw .hosts(
                    source: "--hosts", line: nil,
                    reason: "'\(count)' in '\(item)' is not a number of slots above 0")
            }
            slots = number
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        if let fault = Host.fault(inName: name) {
            throw .hosts(source: "--hosts", line: nil, reason: fault)
        }
        self.init(name, slots: slots)
    }
}
