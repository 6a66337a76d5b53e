/// Turns a pattern's tree into instructions.
struct TextPatternCompiler {
    private(set) var instructions: [TextPattern.Instruction] = []
    private(set) var registers = 0

    private static let mostInstructions = 100_000

    mutating func emit(_ node: TextPatternNode) throws(TextPattern.Failure) {
        guard instructions.count < TextPatternCompiler.mostInstructions else {
            throw .init(reason: "the pattern is too long once its repeats are counted out")
        }
        switch node {
        case .scalar(let set): instructions.append(.scalar(set))
        case .assertion(let instruction): instructions.append(instruction)
        case .sequence(let nodes): for node in nodes { try emit(node) }
        case .alternatives(let nodes): try emit(alternatives: nodes)
        case .repeated(let node, let least, let most, let manner):
            try emit(node, least, most, manner)
        case .atomic(let node): try emit(node) { .atomic(end: $0) }
        case .look(let node, let ahead, let negative):
            guard let width = ahead ? 0 : node.width else {
                throw .init(reason: "a look-behind whose length varies")
            }
            try emit(node) { .look(ahead: ahead, negative: negative, width: width, end: $0) }
        }
    }

    /// A part that is matched on its own.
    private mutating func emit(
        _ node: TextPatternNode, _ instruction: (Int) -> TextPattern.Instruction
    ) throws(TextPattern.Failure) {
        let place = instructions.count
        instructions.append(.accept)
        try emit(node)
        instructions.append(.accept)
        instructions[place] = instruction(instructions.count)
    }

    private mutating func emit(
        alternatives nodes: [TextPatternNode]
    ) throws(TextPattern.Failure) {
        var jumps: [Int] = []
        for (number, node) in nodes.enumerated() {
            guard number < nodes.count - 1 else {
                try emit(node)
                break
            }
            let fork = instructions.count
            instructions.append(.accept)
            try emit(node)
            jumps.append(instructions.count)
            instructions.append(.accept)
            instructions[fork] = .fork(fork + 1, instructions.count)
        }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func emit(
        _ node: TextPatternNode, _ least: Int, _ most: Int, _ manner: TextPatternNode.Manner
    ) throws(TextPattern.Failure) {
        if case .scalar(let set) = node, manner != .lazy {
            instructions.append(.scalars(set, least, most, possessive: manner == .possessive))
            return
        }
        if manner == .possessive {
            let inner = TextPatternNode.repeated(node, least: least, most: most, manner: .greedy)
            return try emit(.atomic(inner))
        }
        for _ in 0..<least { try emit(node) }
        let isLazy = manner == .lazy
        if most == .max {
            let register = registers
            registers += 1
            let fork = instructions.count
            instructions += [.accept, .mark(register)]
            try emit(node)
            instructions += [.progress(register), .jump(fork)]
            let after = instructions.count
            instructions[fork] = isLazy ? .fork(after, fork + 1) : .fork(fork + 1, after)
            return
        }
        var forks: [Int] = []
        for _ in least..<most {
            forks.append(instructions.count)
            instructions.append(.accept)
            try emit(node)
        }
        let after = instructions.count
        for fork in forks {
            instructions[fork] = isLazy ? .fork(after, fork + 1) : .fork(fork + 1, after)
        }
    }
}
