import Foundation
import Glibc
import MLX
import MLXTrain
import Testing

@Suite struct CheckpointWriterTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(folder: folder / "checkpoints")
    }

    /// Files of which the first is not written before `gate` opens.
    private func gated(_ gate: DispatchSemaphore) -> [CheckpointFile] {
        [
            CheckpointFile("model.safetensors") { file in
                gate.wait()
                try file.append([1, 2, 3])
            }
        ]
    }

    @Test func `a save goes on beside its caller, and its outcome is given once`() throws {
        let writer = CheckpointWriter(store: store)
        #expect(!writer.isBusy)
        #expect(writer.wait(atMost: .zero))
        let gate = DispatchSemaphore(value: 0)
        writer.begin(step: 3, files: gated(gate), retention: Retention(last: 1))
        #expect(writer.isBusy)
        #expect(writer.poll() == nil)
        #expect(!writer.wait(atMost: .zero))
        #expect(try store.steps().isEmpty)
        gate.signal()
        #expect(writer.wait(atMost: .seconds(60)))
        let outcome = try #require(writer.poll())
        #expect(outcome.step == 3)
        #expect(try outcome.result.get() == 3)
        #expect(writer.poll() == nil)
        #expect(try store.verify(step: 3).files.map(\.bytes) == [3])
    }

    @Test func `one save is on its way at most, and the second begins after the first`() throws {
        let writer = CheckpointWriter(store: store)
        let gate = DispatchSemaphore(value: 0)
        writer.begin(step: 1, files: gated(gate), retention: Retention(last: 2))
        let store = store
        let second = CheckpointFile("model.safetensors") { file in
            // The first is whole and in its place by now.
            _ = try store.verify(step: 1)
            try file.append([4])
        }
        gate.signal()
        writer.begin(step: 2, files: [second], retention: Retention(last: 2))
        #expect(writer.wait(atMost: .seconds(60)))
        let outcome = try #require(writer.poll())
        #expect(outcome.step == 2)
        #expect(throws: Never.self) { try outcome.result.get() }
        #expect(try store.steps() == [2, 1])
    }

    @Test func `a save that fails says so and leaves the one before`() throws {
        let writer = CheckpointWriter(store: store)
        try store.save(step: 1, files: sampleFiles(step: 1))
        let full = CheckpointFile("model.safetensors") { _ in
            throw FileFailure("write", "there", code: ENOSPC)
        }
        writer.begin(step: 2, files: [full], retention: Retention(last: 1))
        #expect(writer.wait(atMost: .seconds(60)))
        let outcome = try #require(writer.poll())
        #expect(throws: FileFailure.self) { try outcome.result.get() }
        #expect(try Files.names(in: store.folder) == ["step-00000001"])
    }

    @Test func `a file that reads back otherwise is seen`() throws {
        let path = folder / "file"
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 >> 8 ^ $0) }
        let file = try FileWriter(path)
        try file.append(Array(bytes[..<7]))
        try file.append(Array(bytes[7...]))
        let written = try file.finish()
        #expect(try written.isSound())
        #expect(try Files.read(path) == bytes)
        for index in [0, 6, 7, 1 << 20, bytes.count - 1] {
            var other = bytes
            other[index] ^= 16
            try Files.write(other, to: path)
            #expect(try !written.isSound(), "byte \(index)")
        }
        for other in [[], Array(bytes.dropLast()), bytes + [0]] {
            try Files.write(other, to: path)
            #expect(try !written.isSound(), "\(other.count) bytes")
        }
        try Files.write(bytes, to: path)
        #expect(try written.isSound())
        try Files.remove(path)
        #expect(throws: FileFailure.self) { try written.isSound() }
    }

    @Test func `a checkpoint that reads back otherwise never appears`() throws {
        try store.save(step: 1, files: sampleFiles(step: 1))
        let path = "\(store.path(of: 2)).tmp-\(getpid())/model.safetensors"
        let file = CheckpointFile("model.safetensors") { file in
            try file.append([1, 2, 3, 4])
            // Another file in its place, since the bytes above may not have been written yet.
            try Files.remove(path)
            try Files.write([1, 2, 3, 5], to: path)
        }
        #expect {
            try store.save(step: 2, files: [file], retention: Retention(last: 1))
        } throws: { error in
            guard case .checkpointUnsound(let refused) = error as? RunError else { return false }
            return refused.checkpoint == "step-00000002" && refused.file == "model.safetensors"
        }
        #expect(try Files.names(in: store.folder) == ["step-00000001"])
    }

    /// On a device and in memory, where some systems can't go past the page cache.
    @Test(arguments: [0, 1, 4096, 1 << 20, 1 << 20 + 1, 3 << 20, 5 << 20 - 4096, 5_000_000])
    func `a file of any length is written and read back`(length: Int) throws {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let shared = "/dev/shm/mlx-checkpoint-\(getpid())-\(length)"
        defer { unlink(shared) }
        for path in [folder / "file", shared] {
            let file = try FileWriter(path)
            for start in stride(from: 0, to: length, by: 700_001) {
                try file.append(Array(bytes[start..<min(start + 700_001, length)]))
            }
            let written = try file.finish()
            #expect(try written.isSound() && Files.read(path) == bytes)
            #expect(try Digest.ofFile(path) == (length, written.sha256))
        }
    }

    @Test func `a snapshot keeps the values of its moment through later steps`() throws {
        let weight = MLXArray((0..<4096).map(Float.init), [64, 64])
        eval(weight)
        let snapshot = TensorSnapshot(["weight": weight])
        for _ in 0..<3 {
            weight._updateInternal(weight * 2 + 1)
            eval(weight)
        }
        let path = folder / "snapshot.safetensors"
        let file = try FileWriter(path)
        try snapshot.write(to: file)
        let written = try file.finish()
        #expect(try Digest.ofFile(path) == (written.bytes, written.sha256))
        let read = try Weights.read(Files.read(path))
        #expect(read["weight"]?.asArray(Float.self) == (0..<4096).map(Float.init))
    }

    @Test func `a snapshot of any types, shapes and layouts is read back the same`() throws {
        let base = MLXArray((0..<24).map(Float.init), [4, 6])
        let arrays: [String: MLXArray] = [
            "a \"name\" with ünusual letters\n": MLXArray([Int32(7)]), "empty": zeros([0, 3]),
            "scalar": MLXArray(Float(2.5)), "transposed": base.T,
            "strided": base[0..., .stride(by: 2)],
            "half": base.asType(.bfloat16), "flags": base .> 3, "long": base.asType(.int64),
            "byte": base.asType(.uint8),
        ]
        let path = folder / "types.safetensors"
        let file = try FileWriter(path)
        let snapshot = TensorSnapshot(arrays)
        #expect(snapshot.byteCount == arrays.values.reduce(0) { $0 + $1.nbytes })
        try snapshot.write(to: file)
        _ = try file.finish()
        let read = try Weights.read(Files.read(path))
        #expect(Set(read.keys) == Set(arrays.keys))
        for (name, array) in arrays {
            let other = try #require(read[name])
            #expect(other.shape == array.shape && other.dtype == array.dtype, "\(name)")
            #expect((other .== array).all().item(Bool.self), "\(name)")
        }
    }
}
