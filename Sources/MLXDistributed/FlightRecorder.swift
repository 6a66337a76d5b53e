import Glibc
import Synchronization

/// What a rank called last, and how long each call took: what is looked at after a failure.
package final class FlightRecorder: Sendable {
    /// One call.
    private struct Entry {
        let number: Int
        let call: CollectiveCall
        let start: ContinuousClock.Instant
        var end: ContinuousClock.Instant?
    }

    private struct Record {
        var entries: [Entry] = []
        var count = 0
        var path: String?
    }

    private static let capacity = 64

    private let record = Mutex(Record())
    /// When the present call began, in nanoseconds of the clock since `origin`; 0 between calls.
    private let started = Atomic<Int>(0)
    private let origin = ContinuousClock.now

    package init() {}

    /// Runs a call and notes when it began and ended.
    package func record<Value>(
        _ call: CollectiveCall, _ body: () throws(DistributedError) -> Value
    ) throws(DistributedError) -> Value {
        let start = ContinuousClock.now
        let place = record.withLock { record in
            record.count += 1
            let entry = Entry(number: record.count, call: call, start: start)
            let place = record.count % Self.capacity
            if record.entries.count < Self.capacity {
                record.entries.append(entry)
                return record.entries.count - 1
            }
            record.entries[place] = entry
            return place
        }
        started.store(nanoseconds(start) | 1, ordering: .releasing)
        defer { started.store(0, ordering: .releasing) }
        let value = try body()
        let end = ContinuousClock.now
        record.withLock { $0.entries[place].end = end }
        return value
    }

    /// The call that has not ended, and for how long it has run.
    package var present: (call: CollectiveCall, duration: Duration)? {
        let start = started.load(ordering: .acquiring)
        guard start != 0 else { return nil }
        let last = record.withLock { record in
            record.entries.max { $0.number < $1.number }
        }
        guard let last, last.end == nil else { return nil }
        return (last.call, ContinuousClock.now - last.start)
    }

    /// The calls in order, one line each, with their seconds since the first of them.
    package var lines: [String] {
        let entries = record.withLock { $0.entries }.sorted { $0.number < $1.number }
        guard let first = entries.first else { return [] }
        let now = ContinuousClock.now
        return entries.map { entry in
            let at = (entry.start - first.start) / .milliseconds(1)
            let took = ((entry.end ?? now) - entry.start) / .milliseconds(1)
            let state = entry.end == nil ? "has not ended after" : "took"
            return "#\(entry.number) at \(Self.words(at)): \(entry.call) \(state) "
                + Self.words(took)
        }
    }

    /// Sets the file that `dump` writes.
    package func setPath(_ path: String) { record.withLock { $0.path = path } }

    /// Writes the lines to the file, if one was set.
    package func dump() {
        guard let path = record.withLock({ $0.path }), let file = fopen(path, "w") else { return }
        defer { fclose(file) }
        for line in lines { fputs(line + "\n", file) }
    }

    private func nanoseconds(_ instant: ContinuousClock.Instant) -> Int {
        Int((instant - origin) / .nanoseconds(1))
    }

    /// Milliseconds, with three digits after the point.
    private static func words(_ milliseconds: Double) -> String {
        "\((milliseconds * 1000).rounded() / 1000) ms"
    }
}
