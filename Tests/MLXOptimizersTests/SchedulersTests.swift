import MLXOptimizers
import Testing

@Suite struct SchedulersTests {
    func expectClose(
        _ schedule: (Int) -> Float, _ points: [(step: Int, rate: Float)],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for (step, rate) in points {
            #expect(
                abs(schedule(step) - rate) <= 1e-6, "step \(step)", sourceLocation: sourceLocation)
        }
    }

    @Test func `exponential and stepwise decay`() {
        expectClose(exponentialDecay(1, decayRate: 0.5), [(0, 1), (1, 0.5), (3, 0.125)])
        expectClose(
            stepDecay(1, decayRate: 0.1, stepSize: 3), [(0, 1), (2, 1), (3, 0.1), (8, 0.01)])
    }

    @Test func `cosine decay ends where it should and stays`() {
        expectClose(
            cosineDecay(1, decaySteps: 10), [(0, 1), (5, 0.5), (10, 0), (11, 0), (1000, 0)])
        expectClose(
            cosineDecay(1, decaySteps: 3, end: 0.2), [(0, 1), (1, 0.8), (2, 0.4), (3, 0.2)])
    }

    @Test func `a linear schedule ends where it should and stays`() {
        let schedule = linearSchedule(0, end: 0.3, steps: 3)
        expectClose(schedule, [(0, 0), (1, 0.1), (2, 0.2), (3, 0.3), (50, 0.3)])
        #expect(schedule(3) == 0.3)
    }

    @Test func `joined schedules begin anew at their boundaries`() {
        let warmup = linearSchedule(0, end: 1, steps: 4)
        let joined = joinSchedules(
            [warmup, cosineDecay(1, decaySteps: 10), { _ in 0.5 }], boundaries: [4, 14])
        expectClose(joined, [(0, 0), (3, 0.75), (4, 1), (9, 0.5), (13, 0.024_471_74), (14, 0.5)])
        expectClose(joinSchedules([warmup], boundaries: []), [(2, 0.5)])
    }
}
