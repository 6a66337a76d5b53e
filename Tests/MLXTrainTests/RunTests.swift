import Glibc
import MLXDistributed
import MLXTrain
import Testing

@Suite struct RunTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `a folder that is locked is refused with the holder's name`() throws {
        let lock = try RunLock(folder: folder.path)
        for _ in 1...2 {
            let error = #expect(throws: RunError.self) {
                try RunLock(folder: folder.path, patience: .zero)
            }
            #expect(
                error
                    == .folderInUse(
                        folder: folder.path,
                        holder: "host \(RunLock.host), process \(getpid())"))
        }
        withExtendedLifetime(lock) {}
    }

    @Test func `a lock ends with its holder`() throws {
        _ = try RunLock(folder: folder.path)
        _ = try RunLock(folder: folder.path, patience: .zero)
        #expect(try Files.read(folder / ".lock").isEmpty)
    }

    @Test func `a lock in a folder that is a file cannot be taken`() throws {
        try Files.write([0], to: folder / "file")
        #expect(throws: RunError.file(FileFailure("create", folder / "file/.lock", code: ENOTDIR)))
        {
            try RunLock(folder: folder / "file", patience: .zero)
        }
    }

    @Test func `folders are made with those above them`() throws {
        try Files.makeFolder(folder / "a/b/c")
        try Files.makeFolder(folder / "a/b/c")
        #expect(try Files.kind(of: folder / "a/b/c") == .folder)
        try Files.write([0], to: folder / "file")
        let error = #expect(throws: FileFailure.self) {
            try Files.makeFolder(folder / "file/below")
        }
        #expect(error?.code == ENOTDIR)
    }

    @Test func `a file is replaced whole or not at all`() throws {
        let path = folder / "config.json"
        try Files.replace(path, with: "one".utf8)
        try Files.replace(path, with: "two".utf8)
        #expect(try Files.read(path) == Array("two".utf8))
        #expect(throws: FileFailure.self) {
            try Files.replace(folder / "absent/x", with: "three".utf8)
        }
        #expect(try Files.names(in: folder.path) == ["config.json"])
    }

    @Test func `the status of a file's failure follows from its cause`() {
        #expect(FileFailure("write", "x", code: ENOSPC).status == .cannotWrite)
        #expect(FileFailure("create", "x", code: EROFS).status == .cannotWrite)
        #expect(FileFailure("synchronize", "x", code: EIO).status == .inputOutput)
        #expect(FileFailure("read", "x", code: ENOENT).status == .missing)
        #expect(FileFailure("read", "x", code: EIO).status == .inputOutput)
    }
}

@Suite(.serialized) struct RunSignalTests {
    @Test(arguments: StopSignals.numbers)
    func `the first signal sets a flag and does not end the process`(number: Int32) async {
        await #expect(processExitsWith: .exitCode(7)) { [number] in
            StopSignals.install()
            guard StopSignals.pending == nil else { exit(1) }
            raise(number)
            exit(StopSignals.pending == number ? 7 : 2)
        }
    }

    @Test(arguments: StopSignals.numbers)
    func `the second signal ends the process with 128 and its number`(number: Int32) async {
        await #expect(processExitsWith: .exitCode(128 + number)) { [number] in
            StopSignals.install()
            raise(SIGTERM)
            raise(number)
            exit(1)
        }
    }
}

@Suite struct RunAgreementTests {
    /// The verdict of each rank on `body`, and whether it has something to say.
    private func verdicts(
        _ body: @escaping @Sendable (Group) throws -> Void
    ) throws -> [(status: Int32, speaks: Bool)] {
        try Loopback.run(size: 3) { group in
            do {
                try body(group)
                return (0, false)
            } catch {
                let verdict = Verdict(error)
                return (verdict.status, verdict.line != nil)
            }
        }
    }

    @Test func `the lowest rank that failed speaks and all end with its status`() throws {
        let found = try verdicts { group in
            try group.agree {
                if group.rank == 1 { throw FileFailure("write", "x", code: ENOSPC) }
                if group.rank == 2 { throw FileFailure("read", "x", code: EIO) }
            }
        }
        #expect(found.map(\.status) == [73, 73, 73])
        #expect(found.map(\.speaks) == [false, true, false])
    }

    @Test func `a failure of rank 0 alone is everybody's and told once`() throws {
        let found = try verdicts { group in
            try group.onFirstRank {
                throw RunError.badStep(3, StepDefect(.notFinite(quantity: "loss")))
            }
        }
        #expect(found.map(\.status) == [70, 70, 70])
        #expect(found.map(\.speaks) == [true, false, false])
    }

    @Test func `where all succeed each rank has its own value`() throws {
        let values = try Loopback.run(size: 3) { group in try group.agree { group.rank } }
        #expect(values == [0, 1, 2])
        let any = try Loopback.run(size: 3) { group in try group.any(group.rank == 2) }
        #expect(any == [true, true, true])
    }
}

@Suite struct RunOpenBLASTests {
    @Test(arguments: [
        ("Prescott", "fpu avx2 fma avx512f avx512bw avx512cd avx512dq avx512vl", "SkylakeX"),
        ("Prescott", "fpu avx avx2 fma", "Haswell"), ("Sandybridge", "avx avx2 fma", "Haswell"),
        ("Prescott", "fpu sse4_2 avx", nil), ("Haswell", "avx2 fma avx512f", nil),
        ("Zen", "avx2 fma", nil), ("SkylakeX", "avx2 fma avx512f", nil),
    ])
    func `kernels below the processor's vectors are replaced`(
        core: String, flags: String, better: String?
    ) {
        let text = "processor : 0\nflags\t\t: \(flags)\nbugs :\n"
        #expect(OpenBLASCore.betterCore(than: core, features: text) == better)
    }
}
