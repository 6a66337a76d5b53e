import Glibc
import MLX
import MLXDistributed
import MLXTrain
import Testing

/// What may happen to a file on a disk.
enum Damage: String, CaseIterable, Sendable {
    case flip, empty, oneByte, half, allButOne, longer, gone, swapped, folder, link

    /// Does it to a file; `other` is one of the same checkpoint.
    func strike(_ path: String, other: String) throws {
        let bytes = try Files.read(path)
        switch self {
        case .flip:
            var bad = bytes
            bad[bytes.count / 3] ^= 4
            try Files.write(bad, to: path)
        case .empty: try Files.write([], to: path)
        case .oneByte: try Files.write(bytes.prefix(1), to: path)
        case .half: try Files.write(bytes.prefix(bytes.count / 2), to: path)
        case .allButOne: try Files.write(bytes.dropLast(), to: path)
        case .longer: try Files.write(bytes + [0], to: path)
        case .gone: try Files.remove(path)
        case .swapped:
            try Files.rename(path, to: path + ".away")
            try Files.rename(other, to: path)
            try Files.rename(path + ".away", to: other)
        case .folder:
            try Files.remove(path)
            try Files.makeFolder(path)
        case .link:
            try Files.rename(path, to: path + ".away")
            guard symlink("\(path).away", path) == 0 else { throw FileFailure("link", path) }
        }
    }
}

@Suite struct BitRotTests {
    static let files = [
        "model.safetensors", "optimizer.safetensors", "state.json", "manifest.json",
    ]

    @Test(arguments: files, Damage.allCases)
    func `any damage to any file is seen, told with file and reason, and passed over`(
        file: String, damage: Damage
    ) throws {
        let job = try SampleJob()
        let config = try job.config("optimizer.schedule.type=constant", "training.steps=10")
        try job.train(config)
        let newest = OutputFolder(job.output).checkpoints.path(of: 10)
        let other = file == Self.files[0] ? Self.files[1] : Self.files[0]
        try damage.strike("\(newest)/\(file)", other: "\(newest)/\(other)")

        let further = try job.config("optimizer.schedule.type=constant", "training.steps=15")
        let shown = try job.train(further)
        let restart = try #require(try job.metrics(.restart).first)
        #expect(restart["step"]?.integerValue == 5)
        let refused = try #require(restart["refused"]?.elements?.first)
        let named = refused["file"]?.stringValue
        #expect(named == file || (damage == .swapped && named == other))
        let reason = try #require(refused["reason"]?.stringValue)
        #expect(
            reason.count > 5 && shown.contains("refused step-00000010: \(named ?? "") \(reason)"))
        // The end is that of a run that nothing happened to.
        let whole = "\(job.folder)/whole"
        try job.train(further, output: whole)
        #expect(try job.weights() == job.weights(output: whole))
    }
}

/// A checkpoint knows nothing of the ranks that wrote it.
@Suite struct ReshardTests {
    static let worlds = [1, 2, 3, 4, 8]

    @Test(arguments: worlds)
    func `a checkpoint gives every rank of any other number of ranks its bits`(
        ranks: Int
    ) throws {
        let job = try SampleJob()
        #expect(
            job.failure { try job.train(job.config(), ranks: ranks, stopAfter: 6) }?.status == 75)
        let config = try job.config()
        let store = OutputFolder(job.output).checkpoints
        let path = store.path(of: 6)
        let parameters = try Files.read("\(path)/model.safetensors")
        let moments = try Files.read("\(path)/optimizer.safetensors")
        for others in Self.worlds {
            let same = try Loopback.run(size: others) { group in
                let task = try config.makeTask(worldSize: group.size, processes: 1)
                let trainer = try Trainer(
                    config: config, task: task, group: group, checkpoints: store)
                let found = try CheckpointChoice.find(.auto, in: store, group: group)
                guard let contents = found?.contents else { return false }
                try trainer.restore(contents, withOptimizer: true)
                let own = Dictionary(uniqueKeysWithValues: trainer.parameters)
                return try trainer.step == 6 && Self.isSame(own, Weights.read(parameters))
                    && Self.isSame(trainer.optimizerState, Weights.read(moments))
            }
            #expect(same == [Bool](repeating: true, count: others))
        }
    }

    private static func isSame(
        _ first: [String: MLXArray], _ second: [String: MLXArray]
    ) -> Bool {
        Set(first.keys) == Set(second.keys)
            && first.allSatisfy { name, array in
                withBytes(array) { bytes in
                    withBytes(second[name] ?? array) { bytes.elementsEqual($0) }
                }
            }
    }
}
