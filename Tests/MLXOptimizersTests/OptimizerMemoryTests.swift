import MLX
import MLXNN
import MLXOptimizers
import TestSupport
import Testing

/// What a training step does to memory, and a compiled step to its numbers.
@Suite struct OptimizerMemoryTests {
    /// Two layers with parameters of one mebibyte and more.
    private static func model() -> Sequential {
        let model = Sequential(layers: Linear(256, 1024), Tanh(), Linear(1024, 256))
        for (index, array) in model.parameters().flattenedValues().enumerated() {
            array._updateInternal(random(array.shape, seed: UInt64(index)) * 0.05)
        }
        eval(model)
        return model
    }

    private static let optimizers: [@Sendable () -> any SavableOptimizer] = [
        { SGD(learningRate: 0.01) },
        { SGD(learningRate: 0.01, momentum: 0.9, weightDecay: 0.01, nesterov: true) },
        { RMSprop(learningRate: 0.001) }, { AdaGrad(learningRate: 0.01) },
        { AdaDelta(learningRate: 0.1) }, { Adam(learningRate: 0.001, biasCorrection: true) },
        { AdamW(learningRate: 0.001) }, { Adamax(learningRate: 0.001) },
        { Lion(learningRate: 0.0001, weightDecay: 0.1) },
    ]

    /// The loss and its gradients on fixed data.
    private static func gradients(
        _ model: Sequential
    ) -> (MLXArray, ModuleParameters) {
        let loss = valueAndGrad(model: model) { (model: Sequential, x: MLXArray, y: MLXArray) in
            mseLoss(predictions: model(x), targets: y)
        }
        return loss(model, random([16, 256], seed: 91), random([16, 256], seed: 92))
    }

    @Test func `a training step takes no new memory after the third`() async {
        await #expect(processExitsWith: .success) {
            for make in OptimizerMemoryTests.optimizers {
                let (model, optimizer) = (OptimizerMemoryTests.model(), make())
                var active: [Int] = []
                var allocations: [Int] = []
                for _ in 0..<10 {
                    let (loss, gradients) = OptimizerMemoryTests.gradients(model)
                    optimizer.update(model: model, gradients: gradients)
                    eval(model, optimizer, loss)
                    active.append(Memory.activeMemory)
                    allocations.append(Memory.allocationCount)
                }
                #expect(Set(active.dropFirst(3)).count == 1)
                #expect(Set(allocations.dropFirst(2)).count == 1)
            }
        }
    }

    @Test func `an update is made in the memory of the parameters and of the state`() async {
        await #expect(processExitsWith: .success) {
            for make in OptimizerMemoryTests.optimizers {
                let (model, optimizer) = (OptimizerMemoryTests.model(), make())
                let (_, gradients) = OptimizerMemoryTests.gradients(model)
                eval(gradients.flattenedValues())
                for _ in 0..<3 {
                    optimizer.update(model: model, gradients: gradients)
                    eval(model, optimizer)
                }
                let before = Memory.activeMemory
                Memory.peakMemory = 0
                for _ in 0..<3 {
                    optimizer.update(model: model, gradients: gradients)
                    eval(model, optimizer)
                }
                // Nothing of a parameter's size beside what is there; scalars come and go.
                #expect(Memory.peakMemory - before < 1 << 15)
                // Without this the gradients may be let go before they are counted.
                withExtendedLifetime((model, optimizer, gradients)) {
                    #expect(Memory.activeMemory == before)
                }
            }
        }
    }

    @Test func `arrays that somebody holds stay what they were`() {
        let (model, optimizer) = (Self.model(), AdamW(learningRate: 0.01))
        let (_, gradients) = Self.gradients(model)
        optimizer.update(model: model, gradients: gradients)
        eval(model, optimizer)
        let held = optimizer.stateDictionary().mapValues { array in
            let handle = MLXArray(0)
            handle._updateInternal(array)
            return handle
        }
        let weights = model.parameters().mapValues { (array: MLXArray) -> MLXArray in
            let handle = MLXArray(0)
            handle._updateInternal(array)
            return handle
        }
        let before = (held.mapValues { bits($0) }, weights.flattenedValues().map { bits($0) })
        for _ in 0..<2 {
            optimizer.update(model: model, gradients: gradients)
            eval(model, optimizer)
        }
        #expect(held.mapValues { bits($0) } == before.0)
        #expect(weights.flattenedValues().map { bits($0) } == before.1)
        #expect(model.parameters().flattenedValues().map { bits($0) } != before.1)
    }

    @Test func `a compiled step makes the steps of one that is not, and follows a schedule`() {
        let schedule = warmup(steps: 3, then: cosineDecay(0.05, decaySteps: 6))
        for make in Self.optimizers + [
            { Adafactor() }, { Muon(learningRate: 0.01) },
            {
                MultiOptimizer(
                    optimizers: [Muon(learningRate: 0.01), AdamW(learningRate: 0.01)],
                    filters: [{ $1.ndim == 2 }])
            },
        ] {
            var results: [[[UInt8]]] = []
            for isCompiled in [false, true] {
                let (model, optimizer) = (Self.model(), make())
                let body = { (_: [MLXArray]) -> [MLXArray] in
                    let (loss, gradients) = Self.gradients(model)
                    optimizer.update(model: model, gradients: gradients)
                    return [loss]
                }
                let step =
                    isCompiled
                    ? compile(inputs: [model, optimizer], outputs: [model, optimizer], body) : body
                for number in 0..<8 {
                    (optimizer as? any StatefulOptimizer)?.learningRate = schedule(number)
                    let loss = step([])
                    eval(model, optimizer, loss)
                }
                results.append(model.parameters().flattenedValues().map { bits($0) })
            }
            #expect(results[0] == results[1], "\(type(of: make()))")
        }
    }
}
