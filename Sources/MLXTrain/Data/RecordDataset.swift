/// Encoded records in memory, one after the other, each a sample, or several packed into one.
package struct RecordDataset: Sendable {
    private var tokens: [Int32] = []
    private var isTarget: [Bool] = []
    /// Where each record begins, and where the last ends.
    private var starts = [0]
    /// The tokens of each record that count in the loss.
    private var targetCounts: [Int32] = []
    /// The records of each sample; nil where each record is one.
    private var samples: [[Int]]?

    package init() {}

    /// The number of samples.
    package var count: Int { samples?.count ?? recordCount }

    /// The number of records.
    package var recordCount: Int { targetCounts.count }

    /// The tokens of all records.
    package var tokenCount: Int { tokens.count }

    /// The tokens that count in the loss.
    package var targetCount: Int { targetCounts.reduce(0) { $0 + Int($1) } }

    /// The most tokens that are read of a sample.
    package var longestSample: Int {
        (0..<count).map { records(of: $0).reduce(0) { $0 + inputCount($1) } }.max() ?? 0
    }

    /// The most tokens of a record.
    package var longest: Int { zip(starts, starts.dropFirst()).map { $1 - $0 }.max() ?? 0 }

    /// Adds a record, which has a token that counts in the loss.
    package mutating func append(_ record: EncodedRecord) {
        tokens += record.tokens
        isTarget += record.isTarget
        starts.append(tokens.count)
        targetCounts.append(Int32(record.isTarget.reduce(0) { $0 + ($1 ? 1 : 0) }))
    }

    /// The tokens of samples that count in the loss.
    package func targets(of rows: [Int]) -> Int {
        rows.reduce(0) { sum, row in
            records(of: row).reduce(sum) { $0 + Int(targetCounts[$1]) }
        }
    }

    private func records(of row: Int) -> [Int] { samples?[row] ?? [row] }

    /// What is read of a record: all its tokens but the last.
    private func inputCount(_ record: Int) -> Int { starts[record + 1] - starts[record] - 1 }

    /// The same records, packed into samples of at most `length` tokens that are read.
    ///
    /// Each goes, in turn, to the fullest of the last samples that has room for it.
    package func packed(length: Int, open: Int = 64) -> RecordDataset {
        var (samples, rooms): ([[Int]], [Int]) = ([], [])
        for record in 0..<recordCount {
            let count = inputCount(record)
            let last = max(samples.count - open, 0)..<samples.count
            let fitting = last.filter { rooms[$0] >= count }
            if let best = fitting.min(by: { rooms[$0] < rooms[$1] }) {
                samples[best].append(record)
                rooms[best] -= count
            } else {
                samples.append([record])
                rooms.append(length - count)
            }
        }
        var packed = self
        packed.samples = samples
        return packed
    }

    /// A dataset of the records at `rows`, in that order, each a sample.
    package func subset(_ rows: [Int]) -> RecordDataset {
        var part = RecordDataset()
        for row in rows {
            let range = starts[row]..<starts[row + 1]
            part.append(
                EncodedRecord(tokens: Array(tokens[range]), isTarget: Array(isTarget[range])))
        }
        return part
    }

    /// The samples at `rows`, in that order, filled up behind their ends to the longest.
    package func gather(_ rows: [Int]) -> RecordBatch {
        let rows = rows.map(records)
        let length = rows.map { $0.reduce(0) { $0 + inputCount($1) } }.max() ?? 0
        var batch = RecordBatch(count: rows.count, length: length)
        batch.inputs.reserveCapacity(rows.count * length)
        for (number, row) in rows.enumerated() {
            for (sequence, record) in row.enumerated() { append(record, sequence, to: &batch) }
            // What is behind a row's end is not seen from within it, and foretells nothing.
            let rest = (number + 1) * length - batch.inputs.count
            batch.inputs += repeatElement(0, count: rest)
            guard samples != nil else { continue }
            batch.sequences += repeatElement(-1, count: rest)
            batch.positions += repeatElement(0, count: rest)
        }
        return batch
    }

    private func append(_ record: Int, _ sequence: Int, to batch: inout RecordBatch) {
        let first = starts[record]
        let count = inputCount(record)
        let place = batch.inputs.count
        batch.inputs += tokens[first..<first + count]
        for index in 0..<count where isTarget[first + index + 1] {
            batch.places.append(Int32(place + index))
            batch.targets.append(tokens[first + index + 1])
        }
        guard samples != nil else { return }
        batch.sequences += repeatElement(Int32(sequence), count: count)
        batch.positions += Array(0..<Int32(count))
    }
}

/// Records for one forward and backward pass.
package struct RecordBatch: Equatable, Sendable {
    /// The number of records.
    package let count: Int
    /// The tokens that are read of each.
    package let length: Int
    /// What is read: [count, length] row-major.
    package var inputs: [Int32] = []
    /// The places in `inputs` whose successors count in the loss.
    package var places: [Int32] = []
    /// Those successors.
    package var targets: [Int32] = []
    /// Of packed records the number of each token's in its row, [count, length]; else empty.
    package var sequences: [Int32] = []
    /// Of packed records the position of each token in its own, [count, length]; else empty.
    package var positions: [Int32] = []
}
