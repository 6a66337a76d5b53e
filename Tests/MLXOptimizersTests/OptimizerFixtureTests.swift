import Foundation
import MLX
import MLXNN
import MLXOptimizers
import TestSupport
import Testing

/// Steps of other programs' optimizers, from `scripts/fixtures_optimizers.py` and
/// `scripts/fixtures_torch_optimizers.py`.
struct OptimizerFixtures: Decodable {
    let start: [String: Packed]
    let gradients: [[String: Packed]]
    let cases: [Steps]
    let schedules: [Schedule]

    struct Steps: Decodable {
        let optimizer: String
        let options: [String: Float]
        let dtype: String
        /// The steps after which the parameters and the states are those below.
        let kept: [Int]
        let parameters: [[String: Packed]]
        let states: [[String: Packed]]
    }

    struct Schedule: Decodable {
        let schedule: String
        let parameters: [Float]
        let values: [Float]
    }

    /// An array: its type, shape and little-endian bytes in hexadecimal.
    struct Packed: Decodable {
        let dtype: String
        let shape: [Int]
        let bits: String

        func array() throws -> MLXArray {
            let dtype = try #require(DType.allCases.first { "\($0)" == self.dtype })
            let digits = bits.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
            let bytes = stride(from: 0, to: digits.count, by: 2).map {
                UInt8(digits[$0] << 4 | digits[$0 + 1])
            }
            return MLXArray(Data(bytes), shape, dtype: dtype)
        }
    }

    static func load(_ name: String) throws -> OptimizerFixtures {
        var folder = URL(filePath: #filePath)
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        let file = folder.appending(path: "Fixtures/\(name).json")
        return try JSONDecoder().decode(OptimizerFixtures.self, from: Data(contentsOf: file))
    }
}

/// A model of nothing but parameters.
final class ParameterModel: Module {
    let weight: MLXArray?
    let wide: MLXArray?
    let kernel: MLXArray?
    let bias: MLXArray?

    init(_ arrays: [String: MLXArray]) {
        weight = arrays["weight"]
        wide = arrays["wide"]
        kernel = arrays["kernel"]
        bias = arrays["bias"]
    }
}

extension OptimizerFixtures.Steps {
    private func option(_ name: String, _ standard: Float = 0) -> Float {
        options[name] ?? standard
    }

    private func isOn(_ name: String, _ standard: Bool = false) -> Bool {
        options[name].map { $0 != 0 } ?? standard
    }

    private var rate: Float { option("learning_rate") }
    private var betas: (Float, Float) { (option("beta1", 0.9), option("beta2", 0.999)) }
    private var eps: Float { option("eps", 1e-8) }

    /// The optimizer that the case is of.
    func makeOptimizer() throws -> any SavableOptimizer {
        switch optimizer {
        case "SGD":
            return SGD(
                learningRate: rate, momentum: option("momentum"),
                weightDecay: option("weight_decay"), dampening: option("dampening"),
                nesterov: isOn("nesterov"))
        case "RMSprop": return RMSprop(learningRate: rate, alpha: option("alpha", 0.99), eps: eps)
        case "AdaGrad": return AdaGrad(learningRate: rate, eps: eps)
        case "AdaDelta":
            return AdaDelta(learningRate: rate, rho: option("rho", 0.9), eps: option("eps", 1e-6))
        case "Adam":
            return Adam(
                learningRate: rate, betas: betas, eps: eps,
                biasCorrection: isOn("bias_correction"))
        case "AdamW":
            return AdamW(
                learningRate: rate, betas: betas, eps: eps,
                weightDecay: option("weight_decay", 0.01), biasCorrection: isOn("bias_correction"))
        case "Adamax": return Adamax(learningRate: rate, betas: betas, eps: eps)
        case "Lion":
            return Lion(learningRate: rate, betas: betas, weightDecay: option("weight_decay"))
        case "Adafactor":
            return Adafactor(
                learningRate: options["learning_rate"],
                clipThreshold: option("clip_threshold", 1), decayRate: option("decay_rate", -0.8),
                beta1: options["beta_1"], weightDecay: option("weight_decay"),
                scaleParameter: isOn("scale_parameter", true),
                relativeStep: isOn("relative_step", true), warmupInit: isOn("warmup_init"))
        case "Muon":
            return Muon(
                learningRate: rate, momentum: option("momentum", 0.95),
                weightDecay: option("weight_decay", 0.01), nesterov: isOn("nesterov", true),
                nsSteps: Int(option("ns_steps", 5)))
        default:
            try #require(optimizer == "MultiOptimizer")
            return MultiOptimizer(
                optimizers: [
                    Muon(learningRate: 0.02), SGD(learningRate: 0.1, momentum: 0.9),
                    AdamW(learningRate: 0.01),
                ],
                filters: [{ $1.ndim == 2 }, { $1.ndim == 3 }])
        }
    }
}

@Suite struct OptimizerFixtureTests {
    @Test(arguments: ["optimizers", "optimizers_bfloat16", "torch_optimizers"])
    func `steps and states are those of other programs`(name: String) throws {
        let fixtures = try OptimizerFixtures.load(name)
        #expect(!fixtures.cases.isEmpty)
        for fixture in fixtures.cases { try check(fixture, fixtures) }
    }

    private func check(
        _ fixture: OptimizerFixtures.Steps, _ fixtures: OptimizerFixtures
    ) throws {
        let dtype = try #require(DType.allCases.first { "\($0)" == fixture.dtype })
        func arrays(_ packed: [String: OptimizerFixtures.Packed]) throws -> [String: MLXArray] {
            try packed.mapValues { try $0.array().asType(dtype) }
        }
        let model = ParameterModel(try arrays(fixtures.start))
        let optimizer = try fixture.makeOptimizer()
        let parameters = Dictionary(uniqueKeysWithValues: model.parameters().flattened())
        #expect(parameters.count == fixtures.start.count)
        var place = 0
        for (index, gradients) in fixtures.gradients.enumerated() {
            optimizer.update(model: model, gradients: .unflattened(try arrays(gradients)))
            eval(model, optimizer)
            guard fixture.kept.contains(index + 1) else { continue }
            let comment = "\(fixture.optimizer) \(fixture.options) \(dtype) step \(index + 1)"
            let wanted = try arrays(fixture.parameters[place])
            let states = try arrays(fixture.states[place])
            let found = parameters.merging(optimizer.stateDictionary()) { $1 }
            for (key, array) in wanted.merging(states, uniquingKeysWith: { $1 }) {
                let own = try #require(found[key], "\(comment) \(key)")
                #expect(difference(own, array) == nil, "\(comment) \(key)")
            }
            place += 1
            if dtype.size < 4 { try goOn(model, wanted, optimizer, states) }
        }
        #expect(place == fixture.parameters.count)
    }

    /// Takes over the other program's values: what MLX rounds in half types after every operation
    /// adds up, over the steps, to more than the tolerance of a few roundings.
    private func goOn(
        _ model: Module, _ parameters: [String: MLXArray], _ optimizer: any SavableOptimizer,
        _ states: [String: MLXArray]
    ) throws {
        try model.update(parameters: .unflattened(parameters), verify: .all)
        // The other program counts steps in one place.
        let counts = optimizer.stateDictionary().filter { $0.key.hasSuffix(".step") }
        try optimizer.loadState(states.merging(counts) { $1 }, model: model)
    }

    @Test func `schedules are those of MLX`() throws {
        let fixtures = try OptimizerFixtures.load("optimizers")
        #expect(!fixtures.schedules.isEmpty)
        for fixture in fixtures.schedules {
            let schedule = try #require(Self.schedule(fixture))
            for (step, wanted) in fixture.values.enumerated() {
                let tolerance = Tolerance.of(.float32)
                #expect(
                    tolerance.accepts(Double(schedule(step)), Double(wanted)),
                    "\(fixture.schedule) \(fixture.parameters) step \(step)")
            }
        }
    }

    private static func schedule(_ fixture: OptimizerFixtures.Schedule) -> ((Int) -> Float)? {
        let x = fixture.parameters
        let linear = linearSchedule(0, end: 0.1, steps: 5)
        switch fixture.schedule {
        case "exponentialDecay": return exponentialDecay(x[0], decayRate: x[1])
        case "stepDecay": return stepDecay(x[0], decayRate: x[1], stepSize: Int(x[2]))
        case "cosineDecay":
            return cosineDecay(x[0], decaySteps: Int(x[1]), end: x.count > 2 ? x[2] : 0)
        case "linearSchedule": return linearSchedule(x[0], end: x[1], steps: Int(x[2]))
        case "joinSchedules":
            return joinSchedules(
                [
                    linear, cosineDecay(0.1, decaySteps: 6),
                    stepDecay(0.05, decayRate: 0.5, stepSize: 2),
                ], boundaries: [5, 11])
        case "warmup": return warmup(steps: 5, then: cosineDecay(0.1, decaySteps: 10))
        default: return nil
        }
    }
}
