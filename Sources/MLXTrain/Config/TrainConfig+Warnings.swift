extension TrainConfig {
    /// What is allowed and probably not meant, one line each, for a run on `worldSize` ranks.
    public func warnings(worldSize: Int) -> [String] {
        let batch = training.globalBatchSize
        let pieces = training.microBatchSize.map { (batch + $0 - 1) / $0 } ?? batch
        guard pieces < worldSize else { return [] }
        let size = training.microBatchSize.map { " in micro-batches of \($0)" } ?? ""
        return [
            "training.global_batch_size \(batch)\(size) gives work to \(pieces) of \(worldSize)"
                + " ranks; results are exact, the other ranks only wait"
        ]
    }
}
