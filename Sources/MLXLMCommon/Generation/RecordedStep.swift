import MLX
import MLXNN

/// A model whose step of one token may be recorded.
package protocol RecordableModel: LanguageModel {
    /// Whether a step differs from that before it in the token and its position alone, in sequences
    /// of up to a number of tokens.
    func hasEqualSteps(upTo length: Int) -> Bool
}

/// The step of one token behind caches with room for it, compiled: the graph is made once for a size
/// of the caches, and from then on the step is computed by its plan.
final class RecordedStep {
    private let caches: [KVCacheSimple]
    /// What the caches held when the step was recorded.
    private let memory: [MLXArray]
    private let compiled: ([MLXArray]) -> [MLXArray]
    /// Whether a layer computes its step in another way, so that none can be recorded.
    private(set) var isRefused = false
    private var isRecorded = false

    private struct Memory: Updatable {
        let arrays: [MLXArray]
        func innerState() -> [MLXArray] { arrays }
    }

    /// Nil for a model or caches whose steps are not all alike.
    init?(_ model: any LanguageModel, _ cache: [any KVCache]) {
        let caches = cache.compactMap { $0 as? KVCacheSimple }
        guard let model = model as? any RecordableModel, let first = caches.first,
            caches.count == cache.count, let room = first.memory.first?.dim(2),
            model.hasEqualSteps(upTo: room),
            caches.allSatisfy({
                $0.memory.count == 2 && [.float16, .float32].contains($0.memory[0].dtype)
            })
        else { return nil }
        self.caches = caches
        memory = caches.flatMap(\.memory)
        let state = Memory(arrays: memory)
        compiled = compile(inputs: [state], outputs: [state]) { arguments in
            for cache in caches { cache.recordedPosition = arguments[1] }
            let features = model.features(arguments[0], cache: caches)
            return [model.logits(features[0..., -1])]
        }
    }

    /// Whether a further step of these caches is the recorded one.
    func fits(_ cache: [any KVCache]) -> Bool {
        guard cache.count == caches.count, let first = caches.first else { return false }
        let isSame = zip(cache, caches).allSatisfy { $0 === $1 }
        return isSame && caches.allSatisfy { $0.hasRoom && $0.offset == first.offset }
            && zip(memory, caches.flatMap(\.memory)).allSatisfy { $0 === $1 }
    }

    /// The logits behind a token, [1, vocabulary], which the caches hold from now on; nil where a
    /// layer can't be recorded.
    func logits(_ token: Int) -> MLXArray? {
        let position = caches[0].offset
        let before = isRecorded ? [] : memory.map { $0.anotherHandle() }
        let arguments = [MLXArray([token], [1, 1]), MLXArray(Int32(position))]
        let logits = compiled(arguments)[0]
        if !isRecorded, !isUsed(before, position) { return nil }
        isRecorded = true
        for cache in caches { cache.advance() }
        return logits
    }

    /// Whether all caches have taken the recorded position; if not, they are put back.
    private func isUsed(_ before: [MLXArray], _ position: Int) -> Bool {
        isRefused = caches.contains { $0.recordedPosition != nil || $0.offset != position }
        guard isRefused else { return true }
        for cache in caches {
            cache.recordedPosition = nil
            cache.trim(cache.offset - position)
        }
        for (array, value) in zip(memory, before) { array._updateInternal(value) }
        return false
    }
}
