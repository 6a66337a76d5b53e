/// What becomes of the matches when a text is split.
enum SplitBehavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    /// Parts of a piece, matches and what lies between, as pieces.
    func pieces(_ parts: [(range: Range<Int>, isMatch: Bool)]) -> [Range<Int>] {
        let pieces =
            switch self {
            case .removed: parts.filter { !$0.isMatch }.map(\.range)
            case .isolated: parts.map(\.range)
            case .contiguous: merged(parts) { $0 == $1 }
            case .mergedWithPrevious: merged(parts) { !$0 && $1 }
            case .mergedWithNext: merged(parts) { $0 && !$1 }
            }
        return pieces.filter { !$0.isEmpty }
    }

    /// Joins neighbours where `joins` says so of their being matches.
    private func merged(
        _ parts: [(range: Range<Int>, isMatch: Bool)], _ joins: (Bool, Bool) -> Bool
    ) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var previous: Bool?
        for (range, isMatch) in parts {
            if let previous, let last = pieces.last, joins(previous, isMatch) {
                pieces[pieces.count - 1] = last.lowerBound..<range.upperBound
            } else {
                pieces.append(range)
            }
            previous = isMatch
        }
        return pieces
    }

    /// The parts of a range, given its matches.
    static func parts(
        _ matches: [Range<Int>], in range: Range<Int>
    ) -> [(range: Range<Int>, isMatch: Bool)] {
        var parts: [(range: Range<Int>, isMatch: Bool)] = []
        var index = range.lowerBound
        for match in matches {
            if match.lowerBound > index { parts.append((index..<match.lowerBound, false)) }
            parts.append((match, true))
            index = match.upperBound
        }
        if index < range.upperBound { parts.append((index..<range.upperBound, false)) }
        return parts
    }

    /// The parts of a range where each scalar that `isMatch` names is a match of its own.
    static func parts(
        _ bytes: [UInt8], _ range: Range<Int>, _ isMatch: (UInt32, CharacterTable.Kind) -> Bool
    ) -> [(range: Range<Int>, isMatch: Bool)] {
        let table = CharacterTable.shared
        var matches: [Range<Int>] = []
        var index = range.lowerBound
        while index < range.upperBound {
            let (scalar, length) = Scalars.at(index, bytes)
            if isMatch(scalar, table[scalar]) { matches.append(index..<index + length) }
            index += length
        }
        return parts(matches, in: range)
    }
}
