import Foundation

/// What other programs took from this one: how long its threads were ready to run, and did not.
enum Contention {
    /// Seconds that all threads of this process have waited for a core so far.
    static func waited() -> Double {
        let tasks = "/proc/self/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.reduce(0) { sum, thread in
            let path = "\(tasks)/\(thread)/schedstat"  // nanoseconds run, nanoseconds waited, turns
            let words = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: " ")
            return sum + (words.flatMap { $0.count > 1 ? Double($0[1]) : nil } ?? 0) / 1e9
        }
    }
}
