import MLXDistributed
import MLXTrain
import Synchronization

extension TrainConfig {
    /// Trains on ranks that are threads, and gives what was shown; after so many steps the job is
    /// asked to stop.
    func train(
        ranks: Int, sharesMemory: Bool = false, output: String, stopAfter: Int?
    ) throws -> String {
        let shown = Mutex("")
        _ = try Loopback.run(size: ranks, sharesMemory: sharesMemory) { group in
            var polls = -1
            try Job(
                config: self, output: output, group: group,
                show: { text in shown.withLock { $0 += text } }
            ).train { asked in
                guard asked == .starting || asked == .step else { return nil }
                polls += 1
                return polls == stopAfter ? 15 : nil
            }
        }
        return shown.withLock { $0 }
    }
}
