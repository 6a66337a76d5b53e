import MLXTrain
import Testing

@Suite struct RunManifestTests {
    let job: SampleJob

    init() throws { job = try SampleJob() }

    @Test(arguments: [1, 2])
    func `a run tells what it takes to make it again`(ranks: Int) throws {
        try job.train(job.config(), ranks: ranks)
        let path = OutputFolder(job.output).manifest
        let tree = try JSONParser.parse(Files.read(path), source: path)
        #expect(tree["name"]?.stringValue == "sample")
        #expect(tree["seed"]?.integerValue == 3)
        #expect(tree["world_size"]?.integerValue == ranks)
        #expect(tree["config_sha256"]?.stringValue?.count == 64)
        let data = try #require(tree["data"]?.elements?.first)
        let (bytes, sha256) = try Digest.ofFile("\(job.folder)/data.csv")
        #expect(data["sha256"]?.stringValue == sha256)
        #expect(data["bytes"]?.integerValue == bytes)
        for key in ["mlx_train", "swift", "openblas_core", "zlib", "glibc"] {
            #expect(tree["versions"]?[key]?.stringValue?.isEmpty == false, "\(key)")
        }
        for key in ["host", "system", "kernel", "architecture", "processor"] {
            #expect(tree["machine"]?[key]?.stringValue != nil, "\(key)")
        }
        #expect(tree["machine"]?["cores"]?.integerValue ?? 0 > 0)
        // The same job has the same digest, another one another.
        let digest = tree["config_sha256"]?.compact
        try job.train(job.config(), output: "\(job.folder)/same")
        try job.train(job.config("seed=4"), output: "\(job.folder)/other")
        func other(_ name: String) throws -> String? {
            let path = OutputFolder("\(job.folder)/\(name)").manifest
            return try JSONParser.parse(Files.read(path), source: path)["config_sha256"]?.compact
        }
        #expect(try other("same") == digest)
        #expect(try other("other") != digest)
    }

    @Test func `a commit is read from loose and packed names, and from a further tree`() throws {
        let top = "\(job.folder)/tree"
        try Files.makeFolder("\(top)/.git/refs/heads")
        try Files.makeFolder("\(top)/a/b")
        #expect(
            GitTree(around: "\(top)/a/b") == nil || GitTree(around: "\(top)/a/b")?.folder != top)
        let (one, two) = (String(repeating: "1", count: 40), String(repeating: "2", count: 40))
        try Files.write("ref: refs/heads/main\n".utf8, to: "\(top)/.git/HEAD")
        #expect(GitTree(around: "\(top)/a/b")?.folder == top)
        #expect(GitTree(around: top)?.commit == nil)
        try Files.write("# pack\n\(two) refs/heads/main\n".utf8, to: "\(top)/.git/packed-refs")
        #expect(GitTree(around: top)?.commit == two)
        try Files.write("\(one)\n".utf8, to: "\(top)/.git/refs/heads/main")
        #expect(GitTree(around: "\(top)/a")?.commit == one)
        #expect(GitTree(around: top)?.branch == "main")

        let further = "\(job.folder)/further"
        try Files.makeFolder("\(top)/.git/worktrees/further")
        try Files.makeFolder(further)
        try Files.write("gitdir: \(top)/.git/worktrees/further\n".utf8, to: "\(further)/.git")
        try Files.write("../..\n".utf8, to: "\(top)/.git/worktrees/further/commondir")
        try Files.write("ref: refs/heads/main\n".utf8, to: "\(top)/.git/worktrees/further/HEAD")
        #expect(GitTree(around: further)?.commit == one)
        try Files.write("\(two)\n".utf8, to: "\(top)/.git/worktrees/further/HEAD")
        #expect(GitTree(around: further)?.commit == two)
        #expect(GitTree(around: further)?.branch == nil)
    }
}
