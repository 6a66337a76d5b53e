/// The graph of one call of a function, as a file holds it.
///
/// Values are numbered: the arguments, the constants, then the results of the steps in their order.
struct FunctionGraph: Codable, Sendable {
    /// A call of a primitive.
    struct Step: Sendable {
        let primitive: any Portable
        let inputs: [Int]
        let outputs: [Spec]
    }

    let isShapeless: Bool
    /// For each argument its keyword; empty for one without.
    let names: [String]
    let arguments: [Spec]
    /// Numbers of the file's constants.
    let constants: [Int]
    let steps: [Step]
    let results: [Int]

    enum CodingKeys: String, CodingKey {
        case isShapeless = "shapeless"
        case names, arguments, constants, steps, results
    }
}

extension FunctionGraph.Step: Codable {
    private enum CodingKeys: CodingKey { case primitive, parameters, inputs, outputs }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("\(type(of: primitive))", forKey: .primitive)
        try primitive.encode(to: container.superEncoder(forKey: .parameters))
        try container.encode(inputs, forKey: .inputs)
        try container.encode(outputs, forKey: .outputs)
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let name = try container.decode(String.self, forKey: .primitive)
        guard let type = PortablePrimitives.byName[name] else {
            throw DecodingError.dataCorruptedError(
                forKey: .primitive, in: container,
                debugDescription: "there is no primitive \"\(name)\"")
        }
        primitive = try type.init(from: container.superDecoder(forKey: .parameters))
        inputs = try container.decode([Int].self, forKey: .inputs)
        outputs = try container.decode([Spec].self, forKey: .outputs)
    }
}

// Checks of what a file says.
extension FunctionGraph {
    /// Asks every step for its results' shapes, and compares.
    func check(_ constants: [Spec]) throws(Malformed) {
        guard names.count == arguments.count else {
            throw Malformed("names: \(names.count) for \(arguments.count) arguments")
        }
        let keywords = names.filter { !$0.isEmpty }
        guard Set(keywords).count == keywords.count else {
            throw Malformed("names: a keyword comes twice in \(names)")
        }
        for (number, spec) in arguments.enumerated() {
            try check(spec, "argument \(number)")
        }
        var values = arguments
        for number in self.constants {
            guard constants.indices ~= number else {
                throw Malformed("constants: there is no constant \(number)")
            }
            values.append(constants[number])
        }
        for (number, step) in steps.enumerated() {
            try check(step, number, values)
            values += step.outputs
        }
        guard results.allSatisfy(values.indices.contains) else {
            throw Malformed("results: there are \(values.count) values, not all of \(results)")
        }
    }

    private func check(_ step: Step, _ number: Int, _ values: [Spec]) throws(Malformed) {
        let place = "step \(number), \(type(of: step.primitive))"
        guard step.inputs.allSatisfy(values.indices.contains) else {
            throw Malformed("\(place): inputs \(step.inputs) are not there yet")
        }
        let inputs = step.inputs.map { values[$0] }
        let found: [Spec]
        do {
            found = try Self.outputs(step.primitive, inputs)
        } catch {
            throw Malformed("\(place): \(error)")
        }
        for spec in found { try check(spec, place) }
        guard found == step.outputs else {
            throw Malformed("\(place): the results are \(found), not \(step.outputs)")
        }
    }

    /// A shape that no machine can hold is no mistake of the caller, and must not be tried.
    private func check(_ spec: Spec, _ place: String) throws(Malformed) {
        guard spec.shape.count <= Self.mostAxes, let count = spec.checkedByteCount,
            count <= Pool.physicalMemory
        else { throw Malformed("\(place): shape \(spec.shape) is beyond memory") }
    }

    private static let mostAxes = 64

    /// The results' specs of a call that nobody vouches for.
    static func outputs(
        _ primitive: any Portable, _ inputs: [Spec]
    ) throws(MLXError) -> [Spec] {
        guard primitive.isSound(inputs) else {
            throw primitive.refusal(
                "\(primitive) can't be applied to \(inputs.map { "\($0.dtype) \($0.shape)" })")
        }
        return try primitive.outputs(inputs)
    }
}

// Calls.
extension FunctionGraph {
    /// The results for arguments of the recorded shapes; of a shapeless graph for others too.
    func replay(_ given: [MLXArray], _ table: [Node.Value]) throws(MLXError) -> [MLXArray] {
        var values = given.map(\.value) + constants.map { table[$0] }
        let isOther = given.map(\.shape) != arguments.map(\.shape)
        var recorded =
            isOther ? arguments.map(\.shape) + values.dropFirst(given.count).map(\.spec.shape) : []
        for step in steps {
            let inputs = step.inputs.map { values[$0] }
            let node =
                isOther
                ? try moved(step, inputs, step.inputs.map { recorded[$0] }, given)
                : Node(step.primitive, inputs: Few(inputs), specs: Few(step.outputs))
            values += node.specs.indices.map { Node.Value(node: node, index: $0) }
            if isOther { recorded += step.outputs.map(\.shape) }
        }
        return results.map { MLXArray(values[$0]) }
    }

    /// A step on inputs of other shapes than the recorded ones.
    private func moved(
        _ step: Step, _ inputs: [Node.Value], _ recorded: [[Int]], _ given: [MLXArray]
    ) throws(MLXError) -> Node {
        let change = ShapeChange(
            inputs: zip(recorded, inputs).map { ($0, $1.spec.shape) },
            arguments: zip(arguments, given).map { ($0.shape, $1.shape) })
        let primitive = step.primitive.adapted(change)
        let inputs = aligned(step, inputs)
        let specs = try Self.outputs(primitive, inputs.map(\.spec))
        for spec in specs where spec.checkedByteCount ?? .max > Pool.physicalMemory {
            throw primitive.refusal("shape \(spec.shape) is beyond memory")
        }
        return Node(primitive, inputs: Few(inputs), specs: Few(specs))
    }

    /// The operands of an elementwise step, stretched to the shapes that they have now in place of
    /// those that they had.
    private func aligned(_ step: Step, _ inputs: [Node.Value]) -> [Node.Value] {
        let shapes = inputs.map(\.spec.shape)
        guard Set(shapes).count > 1, step.primitive.kernel(Few(inputs.map(\.spec.dtype))) != nil
        else {
            return inputs
        }
        // An argument that its maker has stretched is no matter of the function.
        let own = arguments.count + constants.count
        let sources = zip(step.inputs, inputs).map { number, input in
            number >= own && input.node.primitive is Broadcast ? input.node.inputs[0] : input
        }
        guard let target = broadcastShape(sources.map(\.spec.shape)) else { return inputs }
        return sources.map { source in
            if source.spec.shape == target { return source }
            let node = Node(
                Broadcast(target: target), inputs: .one(source),
                specs: .one(Spec(target, source.spec.dtype)))
            return Node.Value(node: node, index: 0)
        }
    }
}
