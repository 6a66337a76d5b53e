/// The bytes of a data file in chunks, decompressed if the file is compressed by gzip.
///
/// A file is taken as compressed if it begins with gzip's two marks; one named `.gz` must.
final class ByteSource {
    let path: String
    private let file: InputFile
    private let decoder: GzipDecoder?
    /// Bytes read from the file and not yet given out.
    private var pending: ArraySlice<UInt8>
    /// Whether to give up reading.
    private let isStopped: () -> Bool
    /// Whether the file ended after a whole gzip stream.
    private var streamEnded = false

    private static let chunkSize = 1 << 16
    static let gzipMarks: [UInt8] = [0x1F, 0x8B]

    init(_ path: String, isStopped: @escaping () -> Bool = { false }) throws(DataError) {
        self.path = path
        self.isStopped = isStopped
        do {
            file = try InputFile(path)
            pending = try file.read(atMost: ByteSource.chunkSize)[...]
        } catch {
            throw DataError(error, path: path)
        }
        if pending.starts(with: ByteSource.gzipMarks) {
            do {
                decoder = try GzipDecoder()
            } catch {
                throw .corruptGzip(path, reason: error.reason)
            }
        } else {
            decoder = nil
            if path.hasSuffix(".gz") {
                if pending.count < 2 { throw .truncatedGzip(path) }
                throw .corruptGzip(path, reason: "the file is not in gzip format")
            }
        }
    }

    /// The next bytes, `nil` at the end; never an empty array.
    func next() throws(DataError) -> [UInt8]? {
        if let decoder { return try inflated(by: decoder) }
        try refill()
        guard !pending.isEmpty else { return nil }
        let chunk = Array(pending)
        pending = []
        return chunk
    }

    /// All bytes that are left.
    func rest() throws(DataError) -> [UInt8] {
        var bytes: [UInt8] = []
        while let chunk = try next() { bytes += chunk }
        return bytes
    }

    private func refill() throws(DataError) {
        guard pending.isEmpty else { return }
        if isStopped() { throw .interrupted(path) }
        do {
            pending = try file.read(atMost: ByteSource.chunkSize)[...]
        } catch {
            throw DataError(error, path: path)
        }
    }

    private func inflated(by decoder: GzipDecoder) throws(DataError) -> [UInt8]? {
        while true {
            try refill()
            if streamEnded {
                try startNextStream(decoder)
                if streamEnded { return nil }
            }
            let progress: GzipDecoder.Progress
            let atEnd = pending.isEmpty
            do {
                progress = try decoder.decode(pending)
            } catch {
                throw .corruptGzip(path, reason: error.reason)
            }
            pending = pending.dropFirst(progress.consumed)
            streamEnded = progress.ended
            if !progress.output.isEmpty { return progress.output }
            if atEnd, !progress.ended { throw .truncatedGzip(path) }
        }
    }

    /// After one stream: another may follow, or zeros that fill up a block, or nothing.
    private func startNextStream(_ decoder: GzipDecoder) throws(DataError) {
        while !pending.isEmpty, pending.allSatisfy({ $0 == 0 }) {
            pending = []
            try refill()
        }
        guard let first = pending.first else { return }
        guard first == ByteSource.gzipMarks[0] else {
            throw .corruptGzip(path, reason: "other bytes follow the compressed data")
        }
        decoder.reset()
        streamEnded = false
    }
}

extension DataError {
    init(_ failure: InputFailure, path: String) {
        switch failure {
        case .missing: self = .missingFile(path)
        case .notAFile(let kind): self = .notAFile(path, kind: kind)
        case .failed(let reason): self = .unreadableFile(path, reason: reason)
        }
    }
}
