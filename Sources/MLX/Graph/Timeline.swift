import CSystem
import Glibc
import Synchronization

/// The steps of all evaluations as a file in the trace format of Chrome, where the environment
/// names one: `MLX_TRACE=run.json`.
///
/// Each step is an event with the names of its operations, the shapes that it reads and writes, its
/// thread, its start and its length. `chrome://tracing` and ui.perfetto.dev show the file.
final class Timeline: Sendable {
    /// Nil where the environment names no file, or one that can't be written.
    static let shared = getenv("MLX_TRACE").flatMap { Timeline(String(cString: $0)) }

    private struct File: @unchecked Sendable {
        // Unchecked: only reached under the lock.
        let stream: UnsafeMutablePointer<FILE>
        var isFirst = true
        /// The steps that are not written yet.
        var kept: [Step] = []
    }

    /// A step that has ended.
    private struct Step {
        let event: Event
        let end: UInt64
        let thread: Int
    }

    /// So many steps are written at once: to write one takes longer than many a step, and what
    /// comes after it would seem late.
    private static let mostKept = 1 << 14

    private let file: Mutex<File>

    private init?(_ path: String) {
        guard !path.isEmpty else { return nil }
        guard let stream = fopen(path, "w") else {
            let reason = String(cString: strerror(errno))
            let line = "MLX: MLX_TRACE names a file that can't be written, \(path): \(reason)\n"
            _ = line.withCString { write(STDERR_FILENO, $0, line.utf8.count) }
            return nil
        }
        fputs("[", stream)
        file = Mutex(File(stream: stream))
        // The list is closed when the process ends; viewers take one that is not, too.
        atexit { Timeline.shared?.close() }
    }

    /// A step that has begun.
    struct Event {
        let name: String
        let inputs: [Spec]
        let outputs: [Spec]
        fileprivate var start: UInt64 = 0

        init(_ name: String, _ inputs: [Spec], _ outputs: [Spec]) {
            (self.name, self.inputs, self.outputs) = (name, inputs, outputs)
        }

        /// Writes the step, which ends now.
        func end() { shared?.add(self) }
    }

    /// A step that begins now; nil, without a look at what it is, where nothing is written.
    static func begin(_ event: @autoclosure () -> Event) -> Event? {
        guard shared != nil else { return nil }
        var event = event()
        event.start = now()
        return event
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func add(_ event: Event) {
        let step = Step(event: event, end: Timeline.now(), thread: Int(cs_thread_number()))
        file.withLock { file in
            file.kept.append(step)
            if file.kept.count >= Self.mostKept { flush(&file) }
        }
    }

    private func flush(_ file: inout File) {
        for step in file.kept {
            let event = step.event
            fputs(file.isFirst ? "\n" : ",\n", file.stream)
            fputs(
                "{\"name\":\"\(event.name)\",\"cat\":\"step\",\"ph\":\"X\",\"pid\":\(getpid()),"
                    + "\"tid\":\(step.thread),\"ts\":\(microseconds(event.start)),"
                    + "\"dur\":\(microseconds(step.end - event.start)),\"args\":{"
                    + "\"inputs\":\"\(list(event.inputs))\",\"outputs\":\"\(list(event.outputs))\"}}",
                file.stream)
            file.isFirst = false
        }
        file.kept.removeAll(keepingCapacity: true)
    }

    private func close() {
        file.withLock { file in
            flush(&file)
            fputs("\n]\n", file.stream)
            fflush(file.stream)
        }
    }

    private func microseconds(_ nanoseconds: UInt64) -> String {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1000)
        let digits = String(rest)
        return "\(whole)." + String(repeating: "0", count: 3 - digits.count) + digits
    }

    private func list(_ specs: [Spec]) -> String {
        specs.map { "\($0.dtype)\($0.shape)" }.joined(separator: " ")
    }
}
