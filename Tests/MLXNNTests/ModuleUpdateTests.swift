import MLX
import MLXNN
import Testing

@Suite struct ModuleUpdateTests {
    /// The error of a refused update, after which the model must be as it was.
    func refusal(
        of update: [(String, MLXArray)], verify: Module.VerifyUpdate = .all,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        let model = Network()
        let before = model.contents()
        let error = #expect(throws: UpdateError.self, sourceLocation: sourceLocation) {
            try model.update(parameters: .unflattened(update), verify: verify)
        }
        #expect(model.contents() == before, sourceLocation: sourceLocation)
        return error.map { "\($0)" } ?? ""
    }

    let complete: [(String, MLXArray)] = [
        ("first.weight", numbered([4, 3])), ("first.bias", numbered([4])),
        ("rest.1.weight", numbered([2, 4])), ("rest.1.bias", numbered([2])),
        ("scale", numbered([1])),
    ]

    @Test func `a complete update is written in place`() throws {
        let model = Network()
        let weight = model.first.weight
        try model.update(parameters: .unflattened(complete), verify: .all)
        #expect(model.first.weight === weight)
        for (key, array) in complete {
            #expect(model.contents()[key] == array.asArray(Float.self))
        }
    }

    @Test func `a part of a model can be updated`() throws {
        let model = Network()
        let before = model.contents()
        model.update(parameters: .unflattened([("rest.1.bias", numbered([2], from: 5))]))
        #expect(model.contents()["rest.1.bias"] == [5, 6])
        #expect(model.contents()["first.weight"] == before["first.weight"])
        model.update(parameters: .unflattened([("no.such", numbered([1]))]))
    }

    @Test func `a missing parameter is named`() {
        let message = refusal(of: complete.filter { $0.0 != "rest.1.bias" })
        #expect(message == "rest.1.bias (in Network > Linear) is missing")
        #expect(refusal(of: complete.filter { !$0.0.hasPrefix("first") }).hasPrefix("first.bias"))
    }

    @Test func `an extra parameter is named`() {
        #expect(
            refusal(of: complete + [("first.wieght", numbered([1]))])
                == "the model has no first.wieght (in Network > Linear)")
        #expect(
            refusal(of: complete + [("rest.2.weight", numbered([1]))])
                == "the model has no rest.2 (in Network)")
        #expect(
            refusal(of: complete + [("other", numbered([1]))], verify: .noUnusedKeys)
                == "the model has no other (in Network)")
    }

    @Test func `a wrong shape is named with both shapes`() {
        var update = complete
        update[2].1 = numbered([4, 2])
        #expect(
            refusal(of: update, verify: .shapeMismatch)
                == "rest.1.weight (in Network > Linear) has the shape [2, 4], got [4, 2]")
    }

    @Test func `a tree of another structure is refused whatever is verified`() {
        #expect(
            refusal(of: [("first", numbered([1]))], verify: .none)
                == "first (in Network) is a Linear, got an array")
        #expect(
            refusal(of: [("first.bias", numbered([4])), ("scale.x", numbered([1]))], verify: .none)
                == "scale (in Network) is an array, got a dictionary")
    }

    @Test func `a dictionary with numbers as keys can be updated from dotted keys`() throws {
        final class Numbered: Module {
            let layers = [
                "0": Linear(weight: numbered([1, 1])), "3": Linear(weight: numbered([1, 2])),
            ]
        }
        let model = Numbered()
        let update = [
            ("layers.0.weight", numbered([1, 1], from: 4)), ("layers.3.weight", numbered([1, 2])),
        ]
        try model.update(parameters: .unflattened(update), verify: .all)
        #expect(model.contents()["layers.0.weight"] == [4])
    }

    @Test func `a hook may accept a missing parameter`() throws {
        final class Lenient: Module {
            let weight = numbered([1])
            override func updateMissing(
                parameter: String, verify: VerifyUpdate, path: [String], modulePath: [String]
            ) throws {}
        }
        try Lenient().update(parameters: ModuleParameters(), verify: .all)
    }

    @Test func `modules are replaced where they are wrapped`() throws {
        let model = Network()
        let replacement = OtherLinear(weight: numbered([4, 3]))
        let last = OtherLinear(weight: numbered([2, 4]))
        let tanh = model.layers[0]
        try model.update(
            modules: .unflattened(
                [("first", replacement), ("rest.1", last)] as [(String, Module)]),
            verify: .all)
        #expect(model.first === replacement)
        #expect(model.layers[0] === tanh && model.layers[1] === last)
        #expect(
            model.parameters().flattened().map(\.0) == ["first.weight", "rest.1.weight", "scale"])
    }

    @Test func `modules deeper in the tree, in dictionaries and in tuples are replaced`() throws {
        final class Deep: Module {
            @ModuleInfo var named = ["a": Linear(weight: numbered([1, 1]))]
            @ModuleInfo var pair = (Linear(weight: numbered([1, 1])), ReLU())
            let inner = Network()
        }
        let model = Deep()
        let (a, b, c) = (OtherLinear(1, 1), OtherLinear(1, 1), OtherLinear(3, 4))
        let update: [(String, Module)] = [("named.a", a), ("pair.0", b), ("inner.first", c)]
        try model.update(modules: .unflattened(update), verify: .all)
        #expect(model.named["a"] === a)
        #expect(model.pair.0 === b)
        #expect(model.inner.first === c)
    }

    @Test func `a refused replacement leaves all modules as they were`() {
        let model = Network()
        let first = model.first
        let update: [(String, Module)] = [
            ("first", OtherLinear(3, 4)), ("rest.1", Network.Plain()),
        ]
        #expect(throws: UpdateError.self) {
            try model.update(modules: .unflattened(update), verify: .all)
        }
        #expect(model.first === first)
        #expect(throws: UpdateError.self) {
            try model.update(modules: .unflattened([("frist", first)]), verify: .all)
        }
        let plain = Everything()
        let error = #expect(throws: UpdateError.self) {
            try plain.update(modules: .unflattened([("child", first)]), verify: .none)
        }
        #expect(
            error.map { "\($0)" }
                == "Everything.child cannot be replaced: declare it with @ModuleInfo")
    }
}

extension Network {
    /// A module that is no layer.
    final class Plain: Module {}
}
