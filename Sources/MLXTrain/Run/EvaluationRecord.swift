/// What the evaluations of a run have shown so far, as one number each: part of a run's state, so
/// that a resumed run takes the decisions of one that was not stopped.
package struct EvaluationRecord: Equatable, Sendable {
    /// The value of an evaluation and the step it was made at.
    package struct Entry: Equatable, Sendable {
        package let step: Int
        package let value: Double

        package init(step: Int, value: Double) {
            self.step = step
            self.value = value
        }
    }

    /// What the values are.
    package let metric: EvaluationMetric
    /// The last evaluation.
    package private(set) var last: Entry?
    /// The best evaluation; the first of equal ones.
    package private(set) var best: Entry?
    /// The value that improvements are measured from: that of the last one that counted.
    package private(set) var reference: Entry?
    /// The evaluations since then.
    package private(set) var withoutImprovement = 0

    package init(metric: EvaluationMetric) { self.metric = metric }

    /// Takes in an evaluation; whether it is the best so far. An improvement counts if it is larger
    /// than `minDelta`. One of a step that is already known changes nothing.
    @discardableResult
    package mutating func note(
        _ evaluation: Evaluation, step: Int, minDelta: Double = 0
    ) -> Bool {
        guard last?.step != step else { return best?.step == step }
        let entry = Entry(step: step, value: metric.value(of: evaluation))
        last = entry
        if metric.isBetter(entry.value, than: reference?.value ?? .nan, by: minDelta) {
            reference = entry
            withoutImprovement = 0
        } else {
            withoutImprovement += 1
        }
        guard metric.isBetter(entry.value, than: best?.value ?? .nan) else { return false }
        best = entry
        return true
    }
}

extension EvaluationRecord {
    /// The record as the member `evaluation` of a state.
    package var tree: JSONNode {
        func tree(_ entry: Entry?) -> JSONNode {
            guard let entry else { return .null }
            return .object([("step", .integer(entry.step)), ("value", .number(entry.value))])
        }
        return .object([
            ("metric", .string(metric.rawValue)), ("last", tree(last)), ("best", tree(best)),
            ("reference", tree(reference)),
            ("without_improvement", .integer(withoutImprovement)),
        ])
    }

    /// Reads a record; nil where it is none.
    package init?(tree: JSONNode) {
        guard let metric = tree["metric"]?.stringValue.flatMap(EvaluationMetric.init),
            let count = tree["without_improvement"]?.integerValue
        else { return nil }
        func entry(_ node: JSONNode?) -> Entry? {
            guard let step = node?["step"]?.integerValue else { return nil }
            return Entry(step: step, value: node?["value"]?.doubleValue ?? .nan)
        }
        self.metric = metric
        last = entry(tree["last"])
        best = entry(tree["best"])
        reference = entry(tree["reference"])
        withoutImprovement = count
    }
}

extension EvaluationMetric {
    /// The number of an evaluation that this names.
    package func value(of evaluation: Evaluation) -> Double {
        switch self {
        case .loss: evaluation.loss
        case .accuracy: evaluation.accuracy ?? .nan
        }
    }

    /// Whether a value is better than another by more than a margin; a NaN is worse than any
    /// number.
    package func isBetter(_ value: Double, than other: Double, by margin: Double = 0) -> Bool {
        if other.isNaN { return !value.isNaN }
        switch self {
        case .loss: return other - value > margin
        case .accuracy: return value - other > margin
        }
    }
}
