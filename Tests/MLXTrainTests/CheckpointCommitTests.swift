import Glibc
import MLXTrain
import Testing

@Suite struct CheckpointCommitTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(folder: folder / "checkpoints")
    }

    @Test func `a full disk while saving leaves the old checkpoint and no trace`() throws {
        try store.save(step: 1, files: sampleFiles(step: 1))
        let full = CheckpointFile("optimizer.safetensors") { _ in
            // Every write to this device is answered with ENOSPC.
            let file = try FileWriter("/dev/full")
            try file.append([1, 2, 3])
            _ = try file.finish()
        }
        let error = #expect(throws: FileFailure.self) {
            try store.save(step: 2, files: [sampleFiles(step: 2)[0], full])
        }
        #expect(error?.code == ENOSPC)
        #expect(error?.path == "/dev/full")
        #expect(error?.status == .cannotWrite)
        #expect(try Files.names(in: store.folder) == ["step-00000001"])
        #expect(try store.verify(step: 1).step == 1)
    }

    @Test func `a rename that fails leaves the old checkpoint and no trace`() throws {
        try store.save(step: 1, files: sampleFiles(step: 1))
        try Files.write([0], to: store.path(of: 2))
        let error = #expect(throws: FileFailure.self) {
            try store.save(step: 2, files: sampleFiles(step: 2))
        }
        #expect(error?.code == ENOTDIR)
        #expect(try Files.names(in: store.folder) == ["step-00000001", "step-00000002"])
        #expect(try store.verify(step: 1).step == 1)
    }

    @Test func `a checkpoint of the same step is replaced as a whole`() throws {
        try store.save(
            step: 3,
            files: sampleFiles(step: 3) + [
                CheckpointFile("old-only") { try $0.append([1]) }
            ])
        try store.save(step: 3, files: sampleFiles(step: 4))
        #expect(try store.verify(step: 3).files.count == 3)
        #expect(try Files.read("\(store.path(of: 3))/state.json")[0] == 4)
        #expect(try Files.names(in: store.folder) == ["step-00000003"])
    }

    @Test func `a folder in the way of the checkpoints is an error with its path`() throws {
        try Files.write([0], to: store.folder)
        let error = #expect(throws: FileFailure.self) {
            try store.save(step: 1, files: sampleFiles(step: 1))
        }
        #expect(error?.path == store.folder)
        #expect(error?.status == .cannotWrite)
    }

    @Test func `what dead runs left is removed and nothing else`() throws {
        try store.save(step: 1, files: sampleFiles(step: 1))
        try Files.makeFolder("\(store.folder)/step-00000002.tmp-77/deep")
        try Files.write([1], to: "\(store.folder)/step-00000002.tmp-77/deep/part")
        try Files.write([1], to: "\(store.folder)/notes.tmp-x")
        try FolderCommit.recover(store.folder)
        #expect(try Files.names(in: store.folder) == ["notes.tmp-x", "step-00000001"])
    }

    @Test func `a checkpoint whose replacement did not arrive comes back`() throws {
        try store.save(step: 1, files: sampleFiles(step: 1))
        try Files.rename(store.path(of: 1), to: store.path(of: 1) + ".replaced")
        try FolderCommit.recover(store.folder)
        #expect(try store.verify(step: 1).step == 1)
        try Files.makeFolder(store.path(of: 1) + ".replaced")
        try FolderCommit.recover(store.folder)
        #expect(try Files.names(in: store.folder) == ["step-00000001"])
    }

    @Test func `retention keeps the newest and drops an abandoned line`() throws {
        for step in [10, 20, 30, 40, 90] {
            try store.save(step: step, files: sampleFiles(step: step))
        }
        try store.retain(Retention(last: 2), upTo: 40)
        #expect(try store.steps() == [40, 30])
        try store.retain(Retention(last: 0), upTo: 40)
        #expect(try store.steps() == [40])
        #expect(try Files.names(in: store.folder) == ["step-00000040"])
    }

    @Test func `tensors are compared by name, type and shape`() {
        let model = [
            "a": TensorSpec(dtype: "float32", shape: [2, 3]),
            "b": TensorSpec(dtype: "float32", shape: [3]),
        ]
        var other = model
        #expect(TensorSpec.firstDifference(checkpoint: other, model: model) == nil)
        other["b"] = TensorSpec(dtype: "float32", shape: [4])
        #expect(
            TensorSpec.firstDifference(checkpoint: other, model: model)
                == .different(name: "b", checkpoint: "float32 [4]", model: "float32 [3]"))
        other["a"] = nil
        #expect(
            TensorSpec.firstDifference(checkpoint: other, model: model)
                == .missing(name: "a", model: "float32 [2, 3]"))
        other = model
        other["0"] = TensorSpec(dtype: "float16", shape: [])
        #expect(
            TensorSpec.firstDifference(checkpoint: other, model: model)
                == .unknown(name: "0", checkpoint: "float16 []"))
    }
}
