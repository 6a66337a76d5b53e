import Foundation

/// A learning rate that is multiplied by `decayRate` in each step.
public func exponentialDecay(_ initial: Float, decayRate: Float) -> (Int) -> Float {
    { step in initial * pow(decayRate, Float(step)) }
}

/// A learning rate that is multiplied by `decayRate` every `stepSize` steps.
public func stepDecay(_ initial: Float, decayRate: Float, stepSize: Int) -> (Int) -> Float {
    precondition(stepSize > 0, "[stepDecay] stepSize must be above 0, got \(stepSize)")
    return { step in initial * pow(decayRate, Float(step / stepSize)) }
}

/// A learning rate that falls along half a cosine from `initial` to `end` in `decaySteps` steps,
/// and stays there.
public func cosineDecay(
    _ initial: Float, decaySteps: Int, end: Float = 0.0
) -> (Int) -> Float {
    precondition(decaySteps > 0, "[cosineDecay] decaySteps must be above 0, got \(decaySteps)")
    return { step in
        let progress = Double(min(step, decaySteps)) / Double(decaySteps)
        return end + Float(0.5 * (1 + cos(.pi * progress))) * (initial - end)
    }
}

/// A learning rate that goes evenly from `initial` to `end` in `steps` steps, and stays there.
public func linearSchedule(_ initial: Float, end: Float, steps: Int) -> (Int) -> Float {
    precondition(steps > 0, "[linearSchedule] steps must be above 0, got \(steps)")
    return { step in
        step < steps ? initial + Float(step) * ((end - initial) / Float(steps)) : end
    }
}

/// Schedules one after another: at each boundary the next one begins, with its own step 0.
///
/// There is one boundary less than there are schedules.
public func joinSchedules(
    _ schedules: [(Int) -> Float], boundaries: [Int]
) -> (Int) -> Float {
    precondition(
        !schedules.isEmpty && boundaries.count == schedules.count - 1,
        "[joinSchedules] \(schedules.count) schedules take \(schedules.count - 1) boundaries, "
            + "got \(boundaries.count)")
    return { step in
        let index = boundaries.lastIndex { step >= $0 }.map { $0 + 1 } ?? 0
        return schedules[index](index == 0 ? step : step - boundaries[index - 1])
    }
}

/// A learning rate that rises evenly from 0 to the first one of `schedule` in `steps` steps, and
/// from there follows that schedule, which begins with its own step 0.
public func warmup(
    steps: Int, then schedule: @escaping (Int) -> Float
) -> (Int) -> Float {
    joinSchedules(
        [linearSchedule(0, end: schedule(0), steps: steps), schedule], boundaries: [steps])
}
