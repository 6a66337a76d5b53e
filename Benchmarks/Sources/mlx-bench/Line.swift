import Foundation

/// The figures of one case as JSON.
struct Line {
    let text: String

    init(_ item: Case, _ samples: Samples) {
        let waited = samples.waited.map { [("waited", ($0 * 1000).rounded() / 1000)] } ?? []
        let notes = (waited + item.notes()).map { ", \"\($0.0)\": \($0.1)" }.joined()
        text =
            "{\"case\": \"\(item.name)\", \"peer\": \"swift\", \"median_s\": \(samples.median), "
            + "\"min_s\": \(samples.best), \"metric\": \"\(item.metric)\", "
            + "\"value\": \(item.value(samples.median)), \"n\": \(samples.sorted.count)\(notes)}"
    }

    init(_ item: Case, failed error: any Error) {
        let words = "\(error)".replacing("\\", with: "/").replacing("\"", with: "'")
        text =
            "{\"case\": \"\(item.name)\", \"peer\": \"swift\", \"median_s\": null, "
            + "\"min_s\": null, \"metric\": \"error\", \"value\": \"\(words)\"}"
    }

    func show() { mlx_bench.show(text) }
}

/// Prints a line at once, also into a pipe.
func show(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
