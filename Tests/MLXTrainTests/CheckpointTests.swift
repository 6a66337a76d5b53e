import Glibc
import MLXTrain
import Testing

/// Files of a checkpoint with contents that follow from the step.
func sampleFiles(step: Int) -> [CheckpointFile] {
    ["model.safetensors", "optimizer.safetensors", "state.json"].map { name in
        CheckpointFile(name) { file in
            try file.append((0..<200).map { UInt8(truncatingIfNeeded: $0 * 7 + step) })
        }
    }
}

@Suite struct CheckpointTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(folder: folder / "checkpoints")
    }

    private func refusal(step: Int) -> RefusedCheckpoint? {
        do {
            _ = try store.verify(step: step)
            return nil
        } catch {
            return error
        }
    }

    private func change(_ name: String, _ body: (inout [UInt8]) -> Void) throws {
        let path = "\(store.path(of: 100))/\(name)"
        var bytes = try Files.read(path)
        body(&bytes)
        try Files.write(bytes, to: path)
    }

    @Test func `a saved checkpoint is verified with all its files`() throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        let manifest = try store.verify(step: 100)
        #expect(manifest.step == 100)
        #expect(
            manifest.files.map(\.name) == [
                "model.safetensors", "optimizer.safetensors", "state.json",
            ])
        #expect(manifest.files.allSatisfy { $0.bytes == 200 && $0.sha256.count == 64 })
        #expect(try Files.names(in: store.folder) == ["step-00000100"])
    }

    @Test func `every single flipped bit of the manifest is seen`() throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        let path = "\(store.path(of: 100))/manifest.json"
        let good = try Files.read(path)
        for index in good.indices {
            for bit in 0..<8 {
                var bad = good
                bad[index] ^= 1 << bit
                #expect(throws: RefusalReason.self) { try Manifest(text: bad) }
            }
        }
        #expect(try Manifest(text: good).step == 100)
    }

    @Test(arguments: ["model.safetensors", "optimizer.safetensors", "state.json"])
    func `one flipped bit in a file is refused by its digest`(name: String) throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        try change(name) { $0[137] ^= 4 }
        let refused = try #require(refusal(step: 100))
        #expect(refused.checkpoint == "step-00000100")
        #expect(refused.file == name)
        #expect(refused.reason.hasPrefix("has SHA-256 "))
    }

    @Test(arguments: [0, 1, 100, 199])
    func `a file that is cut is refused by its size`(count: Int) throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        try change("model.safetensors") { $0 = Array($0.prefix(count)) }
        #expect(
            refusal(step: 100)?.reason
                == "has \(count) bytes, but the manifest says 200 bytes")
    }

    @Test func `every cut of the manifest is refused`() throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        let good = try Files.read("\(store.path(of: 100))/manifest.json")
        for count in good.indices {
            #expect(throws: RefusalReason.self) { try Manifest(text: Array(good[..<count])) }
        }
    }

    @Test(arguments: [
        "model.safetensors", "optimizer.safetensors", "state.json", "manifest.json",
    ])
    func `a file that was deleted is named`(name: String) throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        try Files.remove("\(store.path(of: 100))/\(name)")
        #expect(
            refusal(step: 100)
                == RefusedCheckpoint(
                    checkpoint: "step-00000100", file: name, reason: "is missing"))
    }

    @Test func `two files that were swapped are refused`() throws {
        var files = sampleFiles(step: 100)
        files[1] = CheckpointFile("optimizer.safetensors") { file in
            try file.append([UInt8](repeating: 9, count: 200))
        }
        try store.save(step: 100, files: files)
        let path = store.path(of: 100)
        try Files.rename("\(path)/model.safetensors", to: "\(path)/other")
        try Files.rename(
            "\(path)/optimizer.safetensors", to: "\(path)/model.safetensors")
        try Files.rename("\(path)/other", to: "\(path)/optimizer.safetensors")
        #expect(refusal(step: 100)?.file == "model.safetensors")
    }

    @Test func `a symbolic link is refused also where its bytes are right`() throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        let path = "\(store.path(of: 100))/state.json"
        try Files.rename(path, to: folder / "elsewhere.json")
        #expect(symlink(folder / "elsewhere.json", path) == 0)
        #expect(refusal(step: 100)?.reason == "is a symbolic link")
    }

    @Test(arguments: ["../state.json", "..", "a/b", "", "manifest.json"])
    func `a manifest that lists a path is refused`(name: String) throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        let file = Manifest.File(name: name, bytes: 0, sha256: String(repeating: "0", count: 64))
        let text = Manifest(step: 100, files: [file]).text
        try Files.write(text.utf8, to: "\(store.path(of: 100))/manifest.json")
        #expect(refusal(step: 100)?.reason.contains("is no file name") == true)
    }

    @Test func `a checkpoint under another step's name is refused`() throws {
        try store.save(step: 100, files: sampleFiles(step: 100))
        try Files.rename(store.path(of: 100), to: store.path(of: 300))
        #expect(refusal(step: 300)?.reason == "belongs to step 100")
    }

    @Test func `steps are listed newest first and other names are left alone`() throws {
        for step in [5, 100, 20] {
            try store.save(step: step, files: sampleFiles(step: step))
        }
        for name in ["step-7", "step-00000009.tmp-3", "notes", "step-000000-1"] {
            try Files.makeFolder("\(store.folder)/\(name)")
        }
        #expect(try store.steps() == [100, 20, 5])
        #expect(CheckpointStore.name(of: 1_234_567_890) == "step-1234567890")
        #expect(CheckpointStore.step(of: "step-1234567890") == 1_234_567_890)
    }

    @Test func `a run without checkpoints has no steps`() throws {
        #expect(try store.steps().isEmpty)
    }
}

@Suite struct CheckpointDigestTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func `digests are those of the standard`(text: String, digest: String) {
        #expect(Digest.hexadecimal(of: Array(text.utf8)) == digest)
    }

}
