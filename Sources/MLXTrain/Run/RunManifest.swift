import CZlib
import Glibc
import MLX
import MLXDistributed

/// What it takes to make a run again: the job, its seed, the program and what it is linked to, the
/// machine, the commit and the digests of the data and of the model that it begins with.
struct RunManifest {
    private let config: TrainConfig
    private let group: Group

    init(config: TrainConfig, group: Group) {
        self.config = config
        self.group = group
    }

    /// The text of the file `run.json`.
    func text() throws -> String {
        let job = Array(config.resolvedTree.compact.utf8)
        return try JSONNode.object([
            ("name", .string(config.name)), ("started", .string(Timestamp.now)),
            ("seed", .integer(config.seed)),
            ("config_sha256", .string(Digest.hexadecimal(of: job))),
            ("arguments", .array(CommandLine.arguments.map(JSONNode.string))),
            ("world_size", .integer(group.size)), ("local_size", .integer(group.localSize)),
            ("transport", .string(group.transportName)), ("threads", .integer(Workers.count)),
            ("versions", versions), ("machine", machine), ("git", git),
            ("data", .array(config.data.paths.map(RunManifest.digest))),
            ("model", .array(config.baseModel()?.files.map(\.node) ?? [])),
        ]).prettyPrinted() + "\n"
    }

    private var versions: JSONNode {
        .object([
            ("mlx_train", .string(RunManifest.version)), ("swift", .string(RunManifest.swift)),
            ("openblas_core", .string(BLAS.coreName)),
            ("zlib", .string(String(cString: zlibVersion()))),
            ("glibc", .string(RunManifest.glibc)),
            ("checkpoint_format", .integer(TrainState.format)),
        ])
    }

    /// The version of this program.
    package static let version = "0.1.0"

    private static var glibc: String {
        var text = [CChar](repeating: 0, count: 64)
        confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static let swift: String = {
        #if compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }()

    private var machine: JSONNode {
        var names = utsname()
        uname(&names)
        let processor = RunManifest.line("/proc/cpuinfo", beginning: "model name")
        let system = RunManifest.line("/etc/os-release", beginning: "PRETTY_NAME")
        return .object([
            ("host", .string(RunLock.host)), ("system", .string(system)),
            ("kernel", .string(RunManifest.text(&names.release))),
            ("architecture", .string(RunManifest.text(&names.machine))),
            ("processor", .string(processor)),
            ("cores", .integer(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
            (
                "memory_bytes",
                .integer(sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
            ),
        ])
    }

    /// The commit of the working tree that the run was started in; null outside of one.
    private var git: JSONNode {
        guard let tree = GitTree(around: Files.resolved(".") ?? "/") else { return .null }
        return .object([
            ("folder", .string(tree.folder)),
            ("commit", tree.commit.map(JSONNode.string) ?? .null),
            ("branch", tree.branch.map(JSONNode.string) ?? .null),
        ])
    }

    private static func digest(_ path: String) throws -> JSONNode {
        try InputDigest(path)?.node ?? .object([("path", .string(path))])
    }

    /// What follows the sign after a line's name, without quotes.
    private static func line(_ path: String, beginning name: String) -> String {
        let text = (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
        let value = line.drop { $0 != ":" && $0 != "=" }.dropFirst()
        return String(value.drop { $0 == " " || $0 == "\"" }.prefix { $0 != "\"" })
    }

    /// A text of the system in a field of fixed size.
    private static func text<Field>(_ field: inout Field) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// The working tree of git around a folder, read from its files.
package struct GitTree {
    /// The top folder.
    package let folder: String
    /// The branch; nil where none is checked out.
    package let branch: String?
    /// The commit; nil before the first.
    package let commit: String?

    /// The tree that `start` lies in, or nil.
    package init?(around start: String) {
        var folder = start
        while (try? Files.kind(of: "\(folder)/.git")).flatMap({ $0 }) == nil {
            guard folder != "/" else { return nil }
            folder = Files.parent(of: folder)
        }
        self.folder = folder
        var store = "\(folder)/.git"
        // In a further working tree .git is a file that names the place.
        if let link = GitTree.text(store), link.hasPrefix("gitdir: ") {
            let place = String(link.dropFirst(8))
            store = place.hasPrefix("/") ? place : "\(folder)/\(place)"
        }
        let common = GitTree.text("\(store)/commondir")
            .map { $0.hasPrefix("/") ? $0 : "\(store)/\($0)" }
        guard let head = GitTree.text("\(store)/HEAD") else { return nil }
        guard head.hasPrefix("ref: ") else {
            (branch, commit) = (nil, head)
            return
        }
        let name = String(head.dropFirst(5))
        branch = name.hasPrefix("refs/heads/") ? String(name.dropFirst(11)) : name
        let places = [store, common].compactMap { $0 }
        let loose = places.lazy.compactMap { GitTree.text("\($0)/\(name)") }.first
        commit = loose ?? places.lazy.compactMap { GitTree.packed(name, in: $0) }.first
    }

    private static func text(_ path: String) -> String? {
        guard let bytes = try? Files.read(path) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func packed(_ name: String, in store: String) -> String? {
        guard let bytes = try? Files.read("\(store)/packed-refs") else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasSuffix(" \(name)") }.map { String($0.prefix { $0 != " " }) }
    }
}
