/// Which checkpoints of a run stay when a new one has been written.
package struct Retention: Equatable, Sendable {
    /// How many of the newest stay, at least one.
    package var last: Int
    /// Those of steps that are multiples of it stay; nil: none for this reason.
    package var multiple: Int?
    /// How many of those with the best evaluations stay.
    package var best: Int
    /// What the evaluations are compared by.
    package var metric: EvaluationMetric

    package init(
        last: Int, multiple: Int? = nil, best: Int = 0, metric: EvaluationMetric = .loss
    ) {
        self.last = last
        self.multiple = multiple
        self.best = best
        self.metric = metric
    }

    /// The rules of a job.
    package init(_ config: TrainConfig) {
        let checkpoint = config.checkpoint
        var multiple: Int?
        if let every = checkpoint.everySteps, let keep = checkpoint.keepEvery {
            multiple = every * keep
        }
        self.init(
            last: checkpoint.keepLast, multiple: multiple, best: checkpoint.keepBest,
            metric: config.evaluation.metric)
    }

    /// The steps that stay of those given; `value` gives the evaluation made at a step, if one was.
    package func kept(of steps: [Int], value: (Int) -> Double?) -> Set<Int> {
        var kept = Set(steps.sorted(by: >).prefix(max(1, last)))
        if let multiple, multiple > 0 {
            kept.formUnion(steps.filter { $0.isMultiple(of: multiple) })
        }
        guard best > 0 else { return kept }
        let judged = steps.compactMap { step in value(step).map { (step: step, value: $0) } }
        let order = judged.sorted { first, second in
            if metric.isBetter(first.value, than: second.value) { return true }
            if metric.isBetter(second.value, than: first.value) { return false }
            return first.step < second.step
        }
        kept.formUnion(order.prefix(best).map(\.step))
        return kept
    }
}
