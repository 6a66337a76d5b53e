/// Finds the word that a mistyped one most likely stands for.
package enum NearestWord {
    /// The candidate with the fewest edits from `word`, if it is at most a third of its length
    /// (and at least two edits are allowed).
    package static func to(_ word: String, among candidates: [String]) -> String? {
        let limit = max(2, word.count / 3)
        let ranked = candidates.map { ($0, distance($0.lowercased(), word.lowercased())) }
        guard let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= limit,
            best.1 < max(word.count, best.0.count)
        else { return nil }
        return best.0
    }

    /// The number of insertions, deletions, replacements and swaps of neighbours that turn one
    /// word into the other (optimal string alignment).
    static func distance(_ first: String, _ second: String) -> Int {
        let a = Array(first.unicodeScalars)
        let b = Array(second.unicodeScalars)
        var beforePrevious = [Int](repeating: 0, count: b.count + 1)
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var best = min(
                    previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    best = min(best, beforePrevious[j - 1] + 1)
                }
                row.append(best)
            }
            (beforePrevious, previous) = (previous, row)
        }
        return previous[b.count]
    }
}
