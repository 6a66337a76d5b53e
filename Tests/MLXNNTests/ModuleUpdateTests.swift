import Foundation
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

extension ModuleUpdateTests {
    @Test func `every fault of a replacement is named`() {
        let model = Network()
        let layers = model.layers
        let error = #expect(throws: UpdateError.self) {
            try model.update(
                modules: .unflattened(
                    [
                        ("first", ReLU()), ("rest.0", Identity()), ("rest.5", Identity()),
                        ("scale", Identity()), ("other", Identity()),
                    ] as [(String, Module)]), verify: .all)
        }
        let message = error?.errorDescription ?? ""
        #expect(
            Set(message.components(separatedBy: "; ")) == [
                "Network.first does not take a ReLU", "the model has no rest.5 (in Network)",
                "scale (in Network) is an array, got a module",
                "the model has no other (in Network)",
            ])
        #expect(zip(model.layers, layers).allSatisfy { $0 === $1 })
    }

    @Test func `arrays of one model can change places`() {
        let model = Network.Twins()
        let (a, b) = (model.a.asArray(Float.self), model.b.asArray(Float.self))
        model.update(parameters: .unflattened([("a", model.b), ("b", model.a)]))
        #expect(model.a.asArray(Float.self) == b && model.b.asArray(Float.self) == a)
    }

    @Test func `a module below may take its part of an update by itself`() throws {
        final class Renaming: Module {
            let weight = numbered([2])
            override func update(
                parameters: ModuleParameters, verify: VerifyUpdate, path: [String],
                modulePath: [String]
            ) throws -> Self {
                var renamed = parameters
                renamed["weight"] = parameters["w"]
                renamed["w"] = nil
                return try super.update(
                    parameters: renamed, verify: verify, path: path, modulePath: modulePath)
            }
        }
        final class Outer: Module {
            let inner = Renaming()
            let own = numbered([1])
        }
        let model = Outer()
        let new = [("inner.w", numbered([2], from: 5)), ("own", numbered([1], from: 9))]
        try model.update(parameters: .unflattened(new), verify: .all)
        #expect(model.inner.weight.asArray(Float.self) == [5, 6])
        let bad = [("inner.w", numbered([2], from: 1)), ("own", numbered([2]))]
        #expect(throws: UpdateError.self) {
            try model.update(parameters: .unflattened(bad), verify: .all)
        }
        #expect(model.inner.weight.asArray(Float.self) == [5, 6])
    }

    @Test func `lists of lists and optional places are replaced`() throws {
        final class Deep: Module {
            @ModuleInfo var grid = [[Linear(1, 1)], [Linear(1, 1), Linear(1, 1)]]
            @ModuleInfo var sparse: [Linear?] = [nil, Linear(1, 1)]
            @ModuleInfo var triple = (Linear(1, 1), ReLU(), Linear(1, 1))
            @ModuleInfo var absent: Linear?
        }
        let model = Deep()
        let kept = model.grid[1][0]
        let new = (0..<5).map { _ in OtherLinear(1, 1) }
        let update: [(String, Module)] = [
            ("grid.1.1", new[0]), ("sparse.0", new[1]), ("triple.2", new[2]),
            ("absent", new[3]), ("sparse.1", new[4]),
        ]
        try model.update(modules: .unflattened(update), verify: .all)
        #expect(model.grid[1][1] === new[0] && model.grid[1][0] === kept)
        #expect(model.sparse[0] === new[1] && model.sparse[1] === new[4])
        #expect(model.triple.2 === new[2] && model.absent === new[3])
    }
}

extension Network {
    /// Two arrays of one shape.
    final class Twins: Module {
        let a = numbered([2])
        let b = numbered([2], from: 7)
    }

    /// A module that is no layer.
    final class Plain: Module {}
}
