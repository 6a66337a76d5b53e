import Foundation
import MLXTrain
import Synchronization
import Testing

@Suite("The prefetching loader")
struct DataLoaderTests {
    private struct Broken: Error, Equatable {
        var step: Int
    }

    /// Some batch.
    private static func batch() throws -> LoadedBatch<MicroBatch> {
        let dataset = try DataFolder().load("1,a\n2,b\n").train
        let sampler = Sampler(count: 2, globalBatchSize: 1, microBatchSize: nil, seed: 0)
        let loader = Loader(dataset: dataset, sampler: sampler)
        defer { loader.stop() }
        return try loader.next()
    }

    @Test func `batches are those of the sampler, gathered, in order, from any step`() throws {
        let folder = try DataFolder()
        let text = (0..<23).map { "\($0),\($0 * 2),\($0 % 3)" }.joined(separator: "\n")
        let dataset = try folder.load(text).train
        for world in 1...3 {
            var sampler = Sampler(
                count: 23, globalBatchSize: 8, microBatchSize: 2, seed: 5, rank: world - 1,
                world: world)
            let loader = Loader(dataset: dataset, sampler: sampler, from: 2)
            for step in 2..<12 {
                let loaded = try loader.next()
                let expected = sampler.batch(step: step)
                #expect(loaded.step == step && loaded.epoch == step / 3)
                #expect(loaded.globalCount == expected.globalCount)
                #expect(loaded.firstMicroBatch == expected.firstMicroBatch)
                #expect(loaded.microBatches.count == expected.microBatches.count)
                for (part, rows) in zip(loaded.microBatches, expected.microBatches) {
                    #expect(part.count == rows.count)
                    #expect(part.features == rows.flatMap { [Float($0), Float($0 * 2)] })
                    #expect(part.labels == rows.map { Int32($0 % 3) })
                }
            }
            loader.stop()
        }
    }

    @Test func `batches are made ahead, and no further than the depth`() throws {
        let made = Mutex(0)
        let template = try Self.batch()
        let ahead = DispatchSemaphore(value: 0)
        let loader = Loader(depth: 2) { _ in
            made.withLock { $0 += 1 }
            ahead.signal()
            return template
        }
        ahead.wait()
        ahead.wait()
        #expect(made.withLock { $0 } == 2)
        _ = try loader.next()
        ahead.wait()
        #expect(made.withLock { $0 } == 3)
        loader.stop()
        #expect(made.withLock { $0 } == 3)
    }

    @Test func `an error comes in its turn and stays`() throws {
        let template = try Self.batch()
        let loader = Loader(from: 3) { step in
            if step == 5 { throw Broken(step: step) }
            return template
        }
        _ = try loader.next()
        _ = try loader.next()
        for _ in 0..<2 {
            #expect(throws: Broken(step: 5)) { try loader.next() }
        }
        loader.stop()
    }

    @Test func `a stopped loader gives no batch, and may be stopped again`() throws {
        let template = try Self.batch()
        let loader = Loader { _ in template }
        _ = try loader.next()
        loader.stop()
        loader.stop()
        #expect(throws: CancellationError.self) { try loader.next() }
    }

    @Test func `a loader that is let go ends its thread`() throws {
        let template = try Self.batch()
        final class Witness: Sendable {
            let gone: DispatchSemaphore
            init(_ gone: DispatchSemaphore) { self.gone = gone }
            deinit { gone.signal() }
        }
        let gone = DispatchSemaphore(value: 0)
        do {
            let witness = Witness(gone)
            let loader = Loader { _ in withExtendedLifetime(witness) { template } }
            _ = try loader.next()
        }
        #expect(gone.wait(timeout: .now() + 10) == .success)
    }
}
