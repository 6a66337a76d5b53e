/// Where each rank of a job runs: the slots of the hosts in their order, so that neighbouring ranks
/// share a host.
package struct RankPlaces: Equatable, Sendable {
    /// A host and the ranks it runs.
    package struct Share: Equatable, Sendable {
        package var host: Host
        package var ranks: [Int]
    }

    /// The hosts that run ranks, in order.
    package let shares: [Share]
    /// The number of ranks.
    package let count: Int

    /// Places `count` ranks, by default as many as there are slots; more than that are dealt out to
    /// the hosts again, up to their limits.
    package init(_ hosts: [Host], count wanted: Int? = nil) throws(LaunchError) {
        let slots = hosts.reduce(0) { $0 + $1.slots }
        let count = wanted ?? slots
        guard count > 0 else { throw .usage("the number of ranks must be above 0: got \(count)") }
        var sizes = hosts.map { _ in 0 }
        var left = count
        while left > 0 {
            let before = left
            for (index, host) in hosts.enumerated() {
                let room = (host.maxSlots ?? .max) - sizes[index]
                let taken = min(host.slots, room, left)
                sizes[index] += taken
                left -= taken
            }
            guard left < before else { throw .tooManyRanks(wanted: count, allowed: count - left) }
        }
        var first = 0
        shares = zip(hosts, sizes).compactMap { host, size in
            guard size > 0 else { return nil }
            defer { first += size }
            return Share(host: host, ranks: Array(first..<(first + size)))
        }
        self.count = count
    }
}
