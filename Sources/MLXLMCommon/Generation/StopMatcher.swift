/// Lets text through up to the first of some texts, and holds back what may become one.
package struct StopMatcher {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    /// Whether one of the texts has come.
    package private(set) var hasStopped = false

    package init(_ stops: [String]) {
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    /// The text that is certain after more has come.
    package mutating func append(_ text: String) -> String {
        if hasStopped { return "" }
        if stops.isEmpty { return text }
        held += Array(text.utf8)
        for start in held.indices {
            if stops.contains(where: { held[start...].starts(with: $0) }) {
                hasStopped = true
                return release(start)
            }
            let rest = held[start...]
            if stops.contains(where: { $0.starts(with: rest) }) { return release(start) }
        }
        return release(held.count)
    }

    /// The text that was held back.
    package mutating func finish() -> String { hasStopped ? "" : release(held.count) }

    private mutating func release(_ count: Int) -> String {
        // A stop begins at a character, so that what stands before is whole characters.
        let text = String(decoding: held[..<count], as: UTF8.self)
        held.removeFirst(count)
        if hasStopped { held = [] }
        return text
    }
}
