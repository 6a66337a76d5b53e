import Foundation
import MLXLMCommon

/// The files of a job's records.
struct RecordFiles {
    /// What is trained on.
    let train: String
    /// What evaluations read; nil where a part of `train` is held out.
    let test: String?

    /// The files of a source, which may be a folder as mlx-lm has it.
    init(_ source: JSONLSource) {
        guard (try? Files.kind(of: Files.resolved(source.path) ?? source.path)) == .folder else {
            (train, test) = (source.path, source.testPath)
            return
        }
        train = "\(source.path)/train.jsonl"
        let held = ["valid", "test"].map { "\(source.path)/\($0).jsonl" }
        test = source.testPath ?? held.first { FileManager.default.fileExists(atPath: $0) }
    }

    var paths: [String] { [train] + (test.map { [$0] } ?? []) }

    /// The texts that a vocabulary is learned from.
    func texts(_ isStopped: @escaping () -> Bool) throws(DataError) -> [String] {
        var texts: [String] = []
        let lines = try JSONLines(paths: [train], isStopped: isStopped)
        for number in 0..<lines.count {
            if isStopped() { throw .interrupted(train) }
            let line = try lines.record(number)
            switch try TrainingRecord(line.bytes, place: line.place) {
            case .text(let text): texts.append(text)
            case .completion(let prompt, let completion): texts.append(prompt + completion)
            case .chat:
                throw .malformedRecord(
                    place: line.place,
                    reason: "the record is a conversation, which a tokenizer of one's own has no "
                        + "template for: take the tokenizer pretrained, or give texts")
            }
        }
        return texts
    }
}

/// A job's records as tokens.
package struct RecordCorpus: Sendable {
    /// What is trained on.
    package let train: RecordDataset
    /// What evaluations read, or all records if none are held out.
    package let test: RecordDataset
    /// Whether `test` is not trained on.
    package let heldOut: Bool
    /// What was done to records, in words: those that were cut or left out.
    package let notes: [String]

    /// Loads and encodes a job's records.
    package static func load(
        _ source: JSONLSource, testFraction: Double, seed: UInt64, encoder: RecordEncoder,
        isStopped: @escaping () -> Bool = { false }
    ) throws(DataError) -> RecordCorpus {
        let files = RecordFiles(source)
        var reader = RecordReader(encoder: encoder, isStopped: isStopped)
        let all = try reader.read(files.train)
        var test: RecordDataset?
        if let path = files.test { test = try reader.read(path) }
        let corpus = try split(all, test, files, testFraction, seed, reader.notes)
        guard source.pack else { return corpus }
        let length = encoder.sampleLength
        return RecordCorpus(
            train: corpus.train.packed(length: length), test: corpus.test.packed(length: length),
            heldOut: corpus.heldOut, notes: corpus.notes)
    }

    private static func split(
        _ all: RecordDataset, _ test: RecordDataset?, _ files: RecordFiles, _ testFraction: Double,
        _ seed: UInt64, _ notes: [String]
    ) throws(DataError) -> RecordCorpus {
        if let test { return RecordCorpus(train: all, test: test, heldOut: true, notes: notes) }
        let held = DataSplit.testRows(count: all.count, testFraction: testFraction, seed: seed)
        guard !held.isEmpty else {
            return RecordCorpus(train: all, test: all, heldOut: false, notes: notes)
        }
        let isHeld = Set(held)
        let rows = (0..<all.count).filter { !isHeld.contains($0) }
        guard !rows.isEmpty else {
            throw .nothingToTrain(files.train, samples: all.count, testFraction: testFraction)
        }
        return RecordCorpus(
            train: all.subset(rows), test: all.subset(held), heldOut: true, notes: notes)
    }
}

/// Reads and encodes files of records.
private struct RecordReader {
    let encoder: RecordEncoder
    let isStopped: () -> Bool
    private(set) var notes: [String] = []

    init(encoder: RecordEncoder, isStopped: @escaping () -> Bool) {
        (self.encoder, self.isStopped) = (encoder, isStopped)
    }

    mutating func read(_ path: String) throws(DataError) -> RecordDataset {
        var dataset = RecordDataset()
        var cut: [String] = []
        var empty: [(place: String, isCut: Bool)] = []
        let lines = try JSONLines(paths: [path], isStopped: isStopped)
        for number in 0..<lines.count {
            if isStopped() { throw .interrupted(path) }
            let line = try lines.record(number)
            let place = line.place
            let (record, isCut) = try encoder.encode(
                TrainingRecord(line.bytes, place: place), place: place)
            if let length = encoder.pieceLength {
                for piece in record.pieces(length) { dataset.append(piece) }
                continue
            }
            guard record.isTarget.contains(true) else {
                empty.append((place, isCut))
                continue
            }
            if isCut { cut.append(place) }
            dataset.append(record)
        }
        guard dataset.count > 0 else {
            let reason =
                empty.contains { $0.isCut }
                ? "raise data.max_seq_length" : "they have no answer, or nothing behind their start"
            throw .noTargets(path, records: lines.count, reason: reason)
        }
        note(cut, "cut to data.max_seq_length")
        note(empty.filter(\.isCut).map(\.place), "left out, for data.max_seq_length ends before")
        note(empty.filter { !$0.isCut }.map(\.place), "left out, for nothing in them is learned")
        return dataset
    }

    private mutating func note(_ places: [String], _ what: String) {
        guard let first = places.first else { return }
        let records = places.count == 1 ? "1 record" : "\(places.count) records"
        notes.append("\(records) \(what) (\(places.count == 1 ? "" : "the first is ")\(first))")
    }
}
