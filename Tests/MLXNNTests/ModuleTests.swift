import MLX
import MLXNN
import Testing

@Suite struct ModuleTests {
    @Test func `reflection finds parameters in every container`() {
        let keys = Everything().parameters().flattened().map(\.0)
        #expect(
            keys == [
                "child.weight", "children2.0.weight", "children2.1.weight", "list.0", "list.1",
                "named.x", "named.y", "pair.0", "pair.1", "present", "q_proj.weight", "renamed",
                "weight",
            ])
    }

    @Test func `reflection goes up the chain of classes`() {
        let keys = MoreThanEverything().parameters().flattened().map(\.0)
        #expect(keys.contains("extra") && keys.contains("weight") && keys.count == 14)
    }

    @Test func `hidden parameters are state but not parameters`() {
        let model = Everything()
        #expect(!model.parameters().flattened().contains { $0.0 == "_hidden" })
        #expect(model.innerState().count == model.parameters().flattenedValues().count + 1)
    }

    @Test func `parameters are the arrays of the model themselves`() {
        let model = Everything()
        let found = model.parameters()[unwrapping: "weight"]
        #expect(found === model.weight)
    }

    @Test func `children, leaves and all modules are found`() {
        let model = Sequential {
            Network()
            Identity()
        }
        #expect(model.children().flattened().map(\.0) == ["layers.0", "layers.1"])
        #expect(
            model.leafModules().flattened().map(\.0) == [
                "layers.0.first", "layers.0.rest.0", "layers.0.rest.1", "layers.1",
            ])
        #expect(
            model.namedModules().map(\.0) == [
                "", "layers.0", "layers.0.first", "layers.0.rest.0", "layers.0.rest.1", "layers.1",
            ])
        #expect(model.modules().first === model)
    }

    @Test func `other values can be filtered`() {
        let others: NestedDictionary<String, Int> = Everything().filterMap(
            filter: Module.filterOther, map: Module.mapOther { $0 as? Int })
        #expect(others.flattened().map(\.0) == ["number"])
        let local = Everything().filterMap(
            filter: Module.filterLocalParameters, map: Module.mapParameters { $0.size })
        #expect(local[unwrapping: "renamed"] == 4)
        #expect(local["child"] == nil)
        let sizes = Network(3, 4).mapParameters { $0.size }
        #expect(sizes.flattenedValues() == [4, 12, 2, 8, 1])
    }

    @Test func `frozen parameters are not trainable`() throws {
        let model = Network()
        model.freeze(keys: ["bias"])
        #expect(
            model.trainableParameters().flattened().map(\.0)
                == ["first.weight", "rest.1.weight", "scale"])
        #expect(model.parameters().flattenedValues().count == 5)
        model.freeze(recursive: false)
        #expect(!model.trainableParameters().flattened().contains { $0.0 == "scale" })
        model.unfreeze()
        #expect(model.trainableParameters().flattenedValues().count == 5)
        model.freeze()
        #expect(model.trainableParameters().flattenedValues().isEmpty)
        model.layers[1].unfreeze(keys: ["weight"])
        #expect(model.trainableParameters().flattened().map(\.0) == ["rest.1.weight"])
    }

    @Test func `a strict freeze refuses unknown keys and changes nothing`() throws {
        let model = Network()
        let error = #expect(throws: UpdateError.self) {
            try model.freeze(keys: ["bias"], strict: true)
        }
        #expect(error.map { "\($0)" } == "bias (in Network) is missing")
        #expect(model.trainableParameters().flattenedValues().count == 5)
        try model.first.freeze(keys: ["bias"], strict: true)
        #expect(model.first.noGrad() == ["bias"])
    }

    @Test func `containers of parameters freeze as one`() {
        let model = Everything()
        model.freeze(recursive: false, keys: ["list", "pair"])
        let keys = model.trainableParameters().flattened().map(\.0)
        #expect(!keys.contains { $0.hasPrefix("list") || $0.hasPrefix("pair") })
        #expect(keys.contains("named.x"))
    }

    @Test func `training mode reaches all modules and their hooks`() {
        final class Listener: Module {
            var heard: [Bool] = []
            var frozen: [Set<String>] = []
            let weight = numbered([1])
            override func didSetTrain(_ mode: Bool) { heard.append(mode) }
            override func didSetNoGrad(_ noGrad: Set<String>) { frozen.append(noGrad) }
        }
        final class Outer: Module { let inner = [Listener()] }
        let model = Outer()
        #expect(model.training && model.inner[0].training)
        model.train(false)
        #expect(!model.training && !model.inner[0].training)
        model.train()
        #expect(model.inner[0].heard == [false, true])
        model.freeze()
        #expect(model.inner[0].frozen == [["weight"]])
    }

    @Test func `the description is a tree`() {
        let model = Sequential(
            layers: Linear(weight: numbered([4, 3])), ReLU(), Dropout(p: 0.5),
            Sequential(layers: Identity()))
        #expect(
            model.description == """
                Sequential {
                  layers: [
                    Linear(inputDimensions=3, outputDimensions=4, bias=false),
                    ReLU,
                    Dropout(p=0.5),
                    Sequential {
                      layers: [
                        Identity
                      ]
                    }
                  ]
                }
                """)
        #expect(Everything().describeExtra(0).contains("number=7, "))
        #expect(Everything().describeExtra(0).contains("weight=float32[2]"))
    }

    @Test func `apply replaces arrays in place`() {
        let model = Network()
        let weight = model.first.weight
        let before = weight.asArray(Float.self)
        model.apply { $0 + 1 }
        #expect(model.first.weight === weight)
        #expect(weight.asArray(Float.self) == before.map { $0 + 1 })
    }

    @Test func `a wrapped parameter may get another array`() {
        let model = Everything()
        _ = model.parameters()
        model.original = numbered([7])
        #expect(model.parameters()[unwrapping: "renamed"]?.shape == [7])
    }

    @Test func `an optional wrapped property that was never set is nil`() {
        final class Late: Module {
            @ModuleInfo(key: "a") var layer: Linear?
            @ParameterInfo(key: "b") var array: MLXArray?
        }
        let model = Late()
        #expect(model.layer == nil && model.array == nil)
        #expect(model.parameters().flattened().isEmpty)
        model.layer = Linear(weight: numbered([1, 1]))
        #expect(model.parameters().flattened().map(\.0) == ["a.weight"])
    }
}
