import MLX
import MLXNN
import TestSupport
import Testing

@Suite("Layers with given parameters")
struct LayerFixtureTests {
    @Test(
        "give the outputs and all gradients of the PyPI package mlx",
        arguments: ["nn_layers", "nn_windows", "nn_sequences"])
    func values(_ family: String) throws {
        try check(family, least: 50)
    }

    @Test("give torch's outputs and gradients where they mean the same")
    func torch() throws { try check("torch_nn", least: 20) }

    private func check(_ family: String, least count: Int) throws {
        let cases = try Fixtures.load(family, as: [LayerFixture].self)
        #expect(cases.count >= count)
        for fixture in cases {
            let layer = try #require(fixture.make(), "\(fixture.layer)")
            try fixture.check(layer)
        }
    }
}

/// A layer and what it does with its inputs.
struct Layer {
    let module: Module
    let call: ([MLXArray]) -> [MLXArray]

    init(_ layer: any UnaryLayer) {
        module = layer
        call = { [layer($0[0])] }
    }

    init<M: Module>(_ module: M, _ call: @escaping (M, [MLXArray]) -> [MLXArray]) {
        self.module = module
        self.call = { call(module, $0) }
    }
}

/// A layer in mlx: its arguments, parameters and inputs, and what it gave.
struct LayerFixture: Decodable {
    let layer: String
    let arguments: [String: [Double]]
    let training: Bool
    let parameters: [String: Packed]
    let inputs: [Packed]
    let outputs: [Packed]
    let cotangents: [Packed]
    let parameterGradients: [String: Packed]
    let inputGradients: [Packed]
    let statistics: [String: Packed]
    /// What a half type's results are where nothing is rounded on the way.
    let exactOutputs: [Packed]?
    let exactParameterGradients: [String: Packed]?
    let exactInputGradients: [Packed]?

    func check(_ layer: Layer) throws {
        let module = layer.module
        module.train(training)
        try module.update(
            parameters: .unflattened(parameters.mapValues { try $0.array() }), verify: .all)
        let inputs = try inputs.map { try $0.array() }
        let comment: Comment =
            "\(self.layer) \(arguments) \(inputs[0].dtype), training: \(training)"

        let trainable = module.trainableParameters().flattened()
        #expect(Set(trainable.map(\.0)) == Set(parameterGradients.keys), comment)
        try expect(layer.call(inputs), outputs, exactOutputs, 1, "outputs of \(comment)")
        for (key, packed) in statistics {
            let kept = try #require(module.parameters()[unwrapping: key])
            try expect([kept], [packed], nil, 1, "\(key) of \(comment)")
        }

        let floating = inputs.indices.filter { inputs[$0].dtype.isFloatingPoint }
        let primals = trainable.map(\.1) + floating.map { inputs[$0] }
        if primals.isEmpty { return }
        let gradients = try vjp(
            { arrays in
                module.update(
                    parameters: .unflattened(zip(trainable.map(\.0), arrays).map { ($0, $1) }))
                var given = inputs
                for (place, array) in zip(floating, arrays.dropFirst(trainable.count)) {
                    given[place] = array
                }
                return layer.call(given)
            }, primals: primals.map { $0 + 0 }, cotangents: cotangents.map { try $0.array() }
        ).1
        func ordered(_ byKey: [String: Packed], _ byInput: [Packed]) throws -> [Packed] {
            try trainable.map { try #require(byKey[$0.0]) } + byInput
        }
        let wanted = try ordered(parameterGradients, inputGradients)
        let exact = try exactParameterGradients.map { try ordered($0, exactInputGradients ?? []) }
        let names = trainable.map(\.0) + floating.map { "input \($0)" }
        try expect(gradients, wanted, exact, 2, "gradients by \(names) of \(comment)")
    }

    /// Expects arrays to be the expected ones within the tolerance of their type; where the exact
    /// values are known, to lie no farther from them than that and the expected ones' own error.
    private func expect(
        _ arrays: [MLXArray], _ expected: [Packed], _ exact: [Packed]?, _ factor: Double,
        _ comment: Comment
    ) throws {
        #expect(arrays.count == expected.count, comment)
        for (index, (array, packed)) in zip(arrays, expected).enumerated() {
            let wanted = try packed.array()
            let tolerance = Tolerance.of(wanted.dtype).times(factor)
            guard let exact else {
                #expect(difference(array, wanted, tolerance) == nil, "\(index) of \(comment)")
                continue
            }
            #expect(array.dtype == wanted.dtype && array.shape == wanted.shape, comment)
            let truth = numbers(try exact[index].array())
            let error = zip(numbers(wanted), truth).map { abs($0 - $1) }.max() ?? 0
            let widened = Tolerance(
                absolute: tolerance.absolute + error, relative: tolerance.relative)
            #expect(difference(array, truth, widened) == nil, "\(index) of \(comment)")
        }
    }
}
