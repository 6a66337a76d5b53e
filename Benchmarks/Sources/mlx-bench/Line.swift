import Foundation

/// The figures of one case as JSON.
struct Line {
    let text: String

    init(_ item: Case, _ times: [Double]) {
        let sorted = times.sorted()
        let median = sorted.median
        let notes = item.notes().map { ", \"\($0.0)\": \($0.1)" }.joined()
        text =
            "{\"case\": \"\(item.name)\", \"peer\": \"swift\", \"median_s\": \(median), "
            + "\"min_s\": \(sorted[0]), \"metric\": \"\(item.metric)\", "
            + "\"value\": \(item.value(median)), \"n\": \(times.count)\(notes)}"
    }

    init(_ item: Case, failed error: any Error) {
        let words = "\(error)".replacing("\\", with: "/").replacing("\"", with: "'")
        text =
            "{\"case\": \"\(item.name)\", \"peer\": \"swift\", \"median_s\": null, "
            + "\"min_s\": null, \"metric\": \"error\", \"value\": \"\(words)\"}"
    }

    /// Prints the line at once, also into a pipe.
    func show() { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}

extension [Double] {
    /// The middle of sorted numbers.
    var median: Double {
        let middle = count / 2
        return count % 2 == 1 ? self[middle] : (self[middle - 1] + self[middle]) / 2
    }
}
