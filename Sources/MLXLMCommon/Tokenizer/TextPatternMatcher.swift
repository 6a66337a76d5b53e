/// Runs a pattern's instructions, with a stack of the places to go back to.
struct TextPatternMatcher {
    private enum Choice {
        case resume(instruction: Int, index: Int)
        /// A repeat that can give back scalars down to an index.
        case giveBack(instruction: Int, index: Int, least: Int)
        case restore(register: Int, value: Int)
    }

    private let instructions: [TextPattern.Instruction]
    private let start: Int
    private let end: Int
    private let table = CharacterTable.shared
    private var registers: [Int]
    private var stack: [Choice] = []

    /// A matcher that sees nothing outside of `range`.
    init(_ pattern: TextPattern, _ range: Range<Int>) {
        instructions = pattern.instructions
        registers = Array(repeating: -1, count: pattern.registers)
        start = range.lowerBound
        end = range.upperBound
    }

    /// Where the match that begins at `index` ends; nil if there is none.
    mutating func match(_ bytes: [UInt8], at index: Int) -> Int? {
        stack.removeAll(keepingCapacity: true)
        return run(bytes, from: 0, at: index)
    }

    private mutating func run(_ bytes: [UInt8], from first: Int, at place: Int) -> Int? {
        let floor = stack.count
        var pointer = first
        var index = place
        while true {
            var matches = true
            switch instructions[pointer] {
            case .accept:
                stack.removeLast(stack.count - floor)
                return index
            case .scalar(let set):
                matches = false
                if index < end {
                    let (scalar, length) = Scalars.at(index, bytes)
                    if set.contains(scalar, table) {
                        index += length
                        matches = true
                    }
                }
                pointer += 1
            case .scalars(let set, let least, let most, let possessive):
                pointer += 1
                matches = take(
                    bytes, set, least, most, &index, resume: possessive ? nil : pointer)
            case .fork(let one, let other):
                stack.append(.resume(instruction: other, index: index))
                pointer = one
            case .jump(let target): pointer = target
            case .mark(let register):
                stack.append(.restore(register: register, value: registers[register]))
                registers[register] = index
                pointer += 1
            case .progress(let register):
                matches = registers[register] != index
                pointer += 1
            case .atomic(let after):
                if let next = run(bytes, from: pointer + 1, at: index) {
                    index = next
                } else {
                    matches = false
                }
                pointer = after
            case .look(let ahead, let negative, let width, let after):
                let from = ahead ? index : back(bytes, index, width)
                let found = from.map { run(bytes, from: pointer + 1, at: $0) != nil } ?? false
                matches = found != negative
                pointer = after
            default:
                matches = holds(instructions[pointer], bytes, index)
                pointer += 1
            }
            if !matches, !goBack(bytes, floor, &pointer, &index) { return nil }
        }
    }

    private mutating func take(
        _ bytes: [UInt8], _ set: ScalarSet, _ least: Int, _ most: Int, _ index: inout Int,
        resume: Int?
    ) -> Bool {
        var count = 0
        var lowest = index
        while index < end, count < most {
            let (scalar, length) = Scalars.at(index, bytes)
            guard set.contains(scalar, table) else { break }
            index += length
            count += 1
            if count == least { lowest = index }
        }
        if let resume, index > lowest, count > least {
            stack.append(.giveBack(instruction: resume, index: index, least: lowest))
        }
        return count >= least
    }

    private mutating func goBack(
        _ bytes: [UInt8], _ floor: Int, _ pointer: inout Int, _ index: inout Int
    ) -> Bool {
        while stack.count > floor {
            switch stack.removeLast() {
            case .restore(let register, let value): registers[register] = value
            case .resume(let instruction, let place):
                pointer = instruction
                index = place
                return true
            case .giveBack(let instruction, let place, let least):
                index = Scalars.start(before: place, bytes)
                pointer = instruction
                if index > least {
                    stack.append(.giveBack(instruction: instruction, index: index, least: least))
                }
                return true
            }
        }
        return false
    }

    /// The index that lies `width` scalars before; nil before the start.
    private func back(_ bytes: [UInt8], _ index: Int, _ width: Int) -> Int? {
        var index = index
        for _ in 0..<width {
            guard index > start else { return nil }
            index = Scalars.start(before: index, bytes)
        }
        return index
    }

    private func holds(
        _ instruction: TextPattern.Instruction, _ bytes: [UInt8], _ index: Int
    ) -> Bool {
        switch instruction {
        case .textStart: index == start
        case .textEnd: index == end
        case .lineStart: index == start || bytes[index - 1] == 0x0A
        case .lineEnd: index == end || bytes[index] == 0x0A
        case .wordBoundary(let negative):
            (isWord(bytes, before: index) != isWord(bytes, at: index)) != negative
        default: false
        }
    }

    private func isWord(_ bytes: [UInt8], at index: Int) -> Bool {
        guard index < end else { return false }
        let scalar = Scalars.at(index, bytes).scalar
        return table[scalar].isWord || ScalarSet.latinNumbers.contains { $0.contains(scalar) }
    }

    private func isWord(_ bytes: [UInt8], before index: Int) -> Bool {
        index > start && isWord(bytes, at: Scalars.start(before: index, bytes))
    }
}
