/// A token that is found in a text before the model sees it.
struct AddedToken: Sendable, Equatable {
    var id: Int
    var content: [UInt8]
    /// Whether it is no text: left out of a decoded text where that is asked for.
    var isSpecial = false
    /// Whether it takes the white space before or after it.
    var stripsLeft = false
    var stripsRight = false
    /// Whether it is found between words only.
    var isSingleWord = false
    /// Whether it is looked for in the normalized text.
    var isNormalized = false
}

/// Finds added tokens: the leftmost first, and of those the longest.
struct AddedTokenMatcher: Sendable {
    private var tokens: [AddedToken] = []
    private var table = TokenTable()
    private var isFirst = [Bool](repeating: false, count: 256)
    /// Per first byte the lengths of the tokens, longest first.
    private var lengths: [[Int]] = Array(repeating: [], count: 256)

    init(_ added: [AddedToken]) {
        for token in added {
            guard let first = token.content.first else { continue }
            guard table.id(token.content) == nil else { continue }
            _ = table.insert(token.content, id: tokens.count)
            tokens.append(token)
            isFirst[Int(first)] = true
            let lengths = Set(self.lengths[Int(first)] + [token.content.count])
            self.lengths[Int(first)] = lengths.sorted(by: >)
        }
    }

    var isEmpty: Bool { tokens.isEmpty }

    /// Parts of a range, with the id of those that are added tokens.
    func split(_ bytes: [UInt8], _ range: Range<Int>) -> [(range: Range<Int>, id: Int?)] {
        guard !isEmpty else { return range.isEmpty ? [] : [(range, nil)] }
        var parts: [(range: Range<Int>, id: Int?)] = []
        var done = range.lowerBound
        var index = range.lowerBound
        while index < range.upperBound {
            guard isFirst[Int(bytes[index])],
                let token = token(bytes, index, range.upperBound)
            else {
                index += 1
                continue
            }
            let match = index..<index + token.content.count
            index = match.upperBound
            guard let taken = extent(token, match, bytes, range, from: done) else { continue }
            if done < taken.lowerBound { parts.append((done..<taken.lowerBound, nil)) }
            parts.append((taken, token.id))
            done = taken.upperBound
        }
        if done < range.upperBound { parts.append((done..<range.upperBound, nil)) }
        return parts
    }

    private func token(_ bytes: [UInt8], _ index: Int, _ end: Int) -> AddedToken? {
        for length in lengths[Int(bytes[index])] where index + length <= end {
            let found = table.id(bytes, index..<index + length)
            if found >= 0 { return tokens[Int(found)] }
        }
        return nil
    }

    /// What a match takes, with the white space around it; nil where it may not stand.
    private func extent(
        _ token: AddedToken, _ match: Range<Int>, _ bytes: [UInt8], _ range: Range<Int>,
        from done: Int
    ) -> Range<Int>? {
        let table = CharacterTable.shared
        var start = match.lowerBound
        var end = match.upperBound
        func isWord(at index: Int) -> Bool {
            let scalar = Scalars.at(index, bytes).scalar
            return PreTokenizer.isWord(scalar, table[scalar])
        }
        func kind(before index: Int) -> CharacterTable.Kind? {
            guard index > range.lowerBound else { return nil }
            return table[Scalars.at(Scalars.start(before: index, bytes), bytes).scalar]
        }
        func kind(at index: Int) -> CharacterTable.Kind? {
            index < range.upperBound ? table[Scalars.at(index, bytes).scalar] : nil
        }
        if token.isSingleWord {
            let before = start > range.lowerBound ? Scalars.start(before: start, bytes) : nil
            if before.map(isWord) ?? false || end < range.upperBound && isWord(at: end) {
                return nil
            }
        }
        while token.stripsLeft, start > done, kind(before: start)?.isWhitespace == true {
            start = Scalars.start(before: start, bytes)
        }
        while token.stripsRight, kind(at: end)?.isWhitespace == true {
            end += Scalars.at(end, bytes).length
        }
        return start..<end
    }
}
