import Synchronization

/// A function and the recordings of its calls, one for each kind of arguments.
final class CompiledFunction: @unchecked Sendable {
    // Unchecked: calls take turns under the lock of evaluations.

    static let isEnabled = Atomic<Bool>(true)

    private let function: ([MLXArray]) -> [MLXArray]
    private let inputs: [any Updatable]
    private let outputs: [any Updatable]
    private var recordings: [[Spec]: Recording] = [:]
    /// That of the call before.
    private var latest: Recording?

    init(
        function: @escaping ([MLXArray]) -> [MLXArray], inputs: [any Updatable],
        outputs: [any Updatable]
    ) {
        self.function = function
        self.inputs = inputs
        self.outputs = outputs
    }

    func callAsFunction(_ arguments: [MLXArray]) -> [MLXArray] {
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        let state = inputs.flatMap { $0.innerState() }
        let given = arguments + state
        // Under another transform the function is traced anyway.
        let isTraced = Trace.isActive && given.contains { $0.value.node.isTraced }
        guard Self.isEnabled.load(ordering: .relaxed), !isTraced else { return function(arguments) }
        let recording = recording(arguments, state)
        let results = recording.call(given)
        for (array, result) in zip(recording.changed, results.dropFirst(recording.resultCount)) {
            array._updateInternal(result)
        }
        return Array(results.prefix(recording.resultCount))
    }

    private func recording(_ arguments: [MLXArray], _ state: [MLXArray]) -> Recording {
        if let latest, latest.accepts(arguments, state) { return latest }
        let key = (arguments + state).map(\.spec)
        if let known = recordings[key] {
            latest = known
            return known
        }
        let recording = record(arguments, state)
        // What the function reads of a transform at work is another thing the next time.
        guard !recording.isTraced else { return recording }
        recordings[key] = recording
        latest = recording
        return recording
    }

    /// Runs the function on stand-ins and keeps the graph that it makes; the state is put back.
    private func record(_ arguments: [MLXArray], _ state: [MLXArray]) -> Recording {
        let stands = (arguments + state).map { Node.standIn($0.spec, for: .compile) }
        let before = outputs.flatMap { $0.innerState() } + state
        // Held as arrays, so that an evaluation on the way keeps them.
        let values = before.map { MLXArray($0.value) }
        let (results, effects) = Trace.keepingEffects {
            for (array, stand) in zip(state, stands.dropFirst(arguments.count)) {
                array._updateInternal(MLXArray(stand))
            }
            return function(stands.prefix(arguments.count).map { MLXArray($0) })
        }
        let changed = outputs.flatMap { $0.innerState() }
        let recording = Recording(
            inputs: stands, outputs: results + changed.map { MLXArray($0.value) },
            effects: effects, changed: changed, resultCount: results.count)
        for (array, value) in zip(before, values) { array._updateInternal(value) }
        return recording
    }
}
