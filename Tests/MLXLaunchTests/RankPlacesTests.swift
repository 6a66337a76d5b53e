import MLXLaunch
import Testing

@Suite("The places of ranks")
struct RankPlacesTests {
    private func ranks(_ hosts: [Host], _ count: Int? = nil) throws -> [[Int]] {
        try RankPlaces(hosts, count: count).shares.map(\.ranks)
    }

    @Test func `fill the slots of a host before those of the next`() throws {
        let hosts = [Host("a", slots: 2), Host("b", slots: 3)]
        #expect(try ranks(hosts) == [[0, 1], [2, 3, 4]])
        #expect(try ranks(hosts, 3) == [[0, 1], [2]])
        #expect(try ranks(hosts, 1) == [[0]])
    }

    @Test func `are dealt out again where there are more ranks than slots`() throws {
        let hosts = [Host("a", slots: 1), Host("b", slots: 2)]
        #expect(try ranks(hosts, 7) == [[0, 1, 2], [3, 4, 5, 6]])
        #expect(try ranks([.local(slots: 1)], 8) == [Array(0..<8)])
    }

    @Test func `keep to the limits of the hosts`() throws {
        let hosts = [Host("a", slots: 1, maxSlots: 1), Host("b", slots: 1, maxSlots: 3)]
        #expect(try ranks(hosts, 4) == [[0], [1, 2, 3]])
        let error = try #require(throws: LaunchError.self) { try ranks(hosts, 5) }
        #expect(error == .tooManyRanks(wanted: 5, allowed: 4))
        #expect(error.exitStatus == 64)
    }
}
