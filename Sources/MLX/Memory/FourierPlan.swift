import CKernels

/// How rows of one length are transformed: the tables, made once for all rows of a call.
///
/// Rows are computed in double and rounded once.
struct FourierPlan {
    /// About as many numbers are one task.
    static let taskNumbers = 1 << 13

    private enum Method {
        case row(FourierRow)
        case lanes(FourierPasses)
        case convolution(FourierConvolution)
    }

    let length: Int
    private let method: Method

    init(length: Int) {
        self.length = length
        if let row = FourierRow(length: length) {
            method = .row(row)
        } else if let passes = FourierPasses(length: length, lanes: .rows) {
            method = .lanes(passes)
        } else {
            method = .convolution(FourierConvolution(length: length))
        }
    }

    /// Transforms rows of complex64 that follow each other.
    func transform(
        _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int,
        isInverse: Bool, on workers: Workers
    ) {
        switch method {
        case .row(let row):
            row.forRows(rows, on: workers) { index, room in
                let offset = 2 * index * length
                row.transform(
                    .numbers(source + offset, isInverse: isInverse),
                    to: .numbers(target + offset, isInverse: isInverse), room: room, on: workers)
            }
        case .lanes(let passes):
            passes.forEights(of: rows, on: workers) { first, count, room in
                let offset = 2 * first * length
                ck_fourier_load_rows(room, source + offset, length, length, count, isInverse)
                let lanes = passes.transform(room: room)
                ck_fourier_store_rows(
                    target + offset, lanes, length, length, count,
                    isInverse ? 1 / Double(length) : 1, isInverse)
            }
        case .convolution(let convolution):
            convolution.transform(
                source, to: target, rows: rows, isInverse: isInverse, on: workers)
        }
    }
}

extension FourierPasses {
    /// Calls the body for every eight of so many rows, and how many they are, with a room.
    func forEights(
        of rows: Int, scratch more: Int = 0, on workers: Workers,
        _ body: (_ first: Int, _ count: Int, Planes) -> Void
    ) {
        let grain = max(1, FourierPlan.taskNumbers / length / 8) * 8
        let memory = scratch(tasks: (rows + grain - 1) / grain, more)
        workers.forRanges(of: rows, grain: grain) { range in
            memory.borrow { room in
                for first in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                    body(first, min(8, range.upperBound - first), room.as(Double.self))
                }
            }
        }
    }

    func scratch(tasks: Int, _ more: Int = 0) -> TaskMemory {
        let doubles = Self.room(length: length, .rows) + more
        return TaskMemory(tasks: tasks, byteCount: doubles * MemoryLayout<Double>.size)
    }
}
