import Synchronization

/// Files of one dataset, read in pieces at any place and by any thread.
///
/// Pieces come from the system's page cache, which all processes of a node share, so that the data
/// may be larger than the memory. They are read and not mapped: where a file is cut off or its
/// device fails, a read throws, and touching a mapping would end the process.
final class DataFiles: Sendable {
    let paths: [String]
    /// The files as they were at first.
    private let states: [FileState]
    /// The files that are open, the one opened first in front.
    private let opened = Mutex<[(number: Int, file: InputFile)]>([])

    /// Files kept open at once: far fewer than a process may have.
    private static let openLimit = 64

    /// Regular files that are not compressed.
    init(_ paths: [String]) throws(DataError) {
        var states: [FileState] = []
        for path in paths {
            var marks: [UInt8] = []
            do throws(InputFailure) {
                let file = try InputFile(path)
                states.append(try file.state())
                marks = try file.read(at: 0, count: 2)
            } catch {
                throw DataError(error, path: path)
            }
            if marks == ByteSource.gzipMarks { throw .compressed(path) }
        }
        (self.paths, self.states) = (paths, states)
    }

    /// The bytes of a file.
    func size(of number: Int) -> Int { states[number].size }

    /// Some bytes of a file; throws if it is no longer what it was at first.
    func read(_ number: Int, _ range: Range<Int>) throws(DataError) -> [UInt8] {
        let (path, state) = (paths[number], states[number])
        let (bytes, found): ([UInt8], FileState)
        do throws(InputFailure) {
            let file = try open(number)
            bytes = try file.read(at: range.lowerBound, count: range.count)
            // After the read, so that what was read is what was there at first.
            found = try file.state()
        } catch {
            throw DataError(error, path: path)
        }
        guard found == state, bytes.count == range.count else {
            throw .changedFile(path, size: state.size, found: found.size)
        }
        return bytes
    }

    private func open(_ number: Int) throws(InputFailure) -> InputFile {
        let known = opened.withLock { files in files.first { $0.number == number }?.file }
        if let known { return known }
        let file = try InputFile(paths[number])
        opened.withLock { files in
            if files.count == DataFiles.openLimit { files.removeFirst() }
            files.append((number, file))
        }
        return file
    }
}
