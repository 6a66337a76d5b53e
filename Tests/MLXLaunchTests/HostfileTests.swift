import MLXLaunch
import Testing

@Suite("A hostfile")
struct HostfileTests {
    @Test func `of Open MPI gives hosts, slots and their limits`() throws {
        let text = """
            # the cluster
            node1 slots=4 max_slots=8   # fast
            user@node2.example.org slots=2

            node3
            node1 slots=1
            fd00::2 slots=3
            """
        #expect(
            try Hostfile.parse(text, source: "hosts") == [
                Host("node1", slots: 5, maxSlots: 8), Host("user@node2.example.org", slots: 2),
                Host("node3", slots: 1), Host("fd00::2", slots: 3),
            ])
    }

    @Test func `of mlx.launch gives a rank an entry, and addresses`() throws {
        let list = """
            [
              {"ssh": "a", "ips": ["10.0.0.1"], "rdma": [null]},
              {"ssh": "b", "ips": []},
              {"ssh": "a", "ips": ["10.0.0.1"]}
            ]
            """
        let hosts = [Host("a", slots: 2, address: "10.0.0.1"), Host("b", slots: 1)]
        #expect(try Hostfile.parse(list, source: "hosts.json") == hosts)
        let object = #"{"backend": "ring", "envs": ["A=1"], "hosts": \#(list)}"#
        #expect(try Hostfile.parse(object, source: "hosts.json") == hosts)
    }

    /// A wrong hostfile, the line of its fault, and a part of what is said.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let text: String
        let line: Int?
        let words: String
        var testDescription: String { text }
    }

    static let mistakes = [
        Mistake(text: "", line: nil, words: "no host"),
        Mistake(text: "# a\n\n", line: nil, words: "no host"),
        Mistake(text: "a\nb slots=two", line: 2, words: "'two'"),
        Mistake(text: "a slots=0", line: 1, words: "above 0"),
        Mistake(text: "a slots=-1", line: 1, words: "above 0"),
        Mistake(text: "a slots=99999999999999999999", line: 1, words: "above 0"),
        Mistake(text: "a\n\nb 4", line: 3, words: "expected slots=N"),
        Mistake(text: "a slot=4", line: 1, words: "unknown key 'slot'"),
        Mistake(text: "a slots=4 max_slots=2", line: 1, words: "less than slots"),
        Mistake(text: "-oProxyCommand=x slots=1", line: 1, words: "not the name of a host"),
        Mistake(text: "a;reboot slots=1", line: 1, words: "not the name of a host"),
        Mistake(text: "$(reboot)", line: 1, words: "not the name of a host"),
        Mistake(text: "[]", line: nil, words: "no host"),
        Mistake(text: "[{\"ssh\": \"a\"},\n {\"ips\": []}]", line: 2, words: "entry 2 has no"),
        Mistake(
            text: "[{\"ssh\": \"a\"},\n {\"ssh\": 5}]", line: 2, words: "wrong type in \"ssh\""),
        Mistake(text: "[\n{\"ssh\": \"a b\"}]", line: 2, words: "not the name of a host"),
        Mistake(text: "[{\"ssh\": \"a\"}, \n\n{\"ssh\":}]", line: 3, words: "not valid JSON"),
        Mistake(text: "{\"backend\": \"mpi\"}", line: 1, words: "no list \"hosts\""),
        Mistake(text: "{\"hosts\": {}}", line: 1, words: "wrong type"),
        Mistake(text: "[1, 2]", line: 1, words: "wrong type"),
    ]

    @Test(arguments: mistakes)
    func `that is wrong is refused with its line`(mistake: Mistake) throws {
        let error = try #require(throws: LaunchError.self) {
            try Hostfile.parse(mistake.text, source: "hosts")
        }
        let place = mistake.line.map { "hosts:\($0): " } ?? "hosts: "
        #expect(error.description.hasPrefix(place), "\(error)")
        #expect(error.description.contains(mistake.words), "\(error)")
        #expect(error.exitStatus == 64)
    }

    @Test func `that is missing or a folder is refused with 66`() throws {
        for path in ["/nonexistent/hosts", "/tmp"] {
            let error = try #require(throws: LaunchError.self) { try Hostfile.read(path) }
            #expect(error.exitStatus == 66)
            #expect(error.description.contains(path))
        }
    }

    @Test func `on the command line is a list`() throws {
        #expect(
            try Host.list("a:2,b,[fd00::1]:3,a:1") == [
                Host("a", slots: 3), Host("b", slots: 1), Host("fd00::1", slots: 3),
            ])
        for text in ["", "a,,b", "a:0", "a:x", ":2", "-v:2", "a b:1", "a:1;x"] {
            #expect(throws: LaunchError.self, "\(text)") { try Host.list(text) }
        }
    }
}
