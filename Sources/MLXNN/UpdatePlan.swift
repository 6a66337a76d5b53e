import MLX

/// What an update of a module is going to do, and what keeps it from being done.
///
/// The outermost update makes the plan, and the updates of the modules below add to it, so that
/// every fault is known before anything is written.
final class UpdatePlan {
    private var faults: [UpdateError] = []
    private var writes: [(array: MLXArray, value: MLXArray)] = []
    private var replacements: [Replacement] = []

    /// A module or a container that goes into a property.
    private struct Replacement {
        let module: Module
        let key: String
        let value: Any
        let setter: (any ModuleSetter)?
    }

    /// Plans to give an array the value that another one has now.
    func write(_ array: MLXArray, _ value: MLXArray) {
        writes.append((array, value.anotherHandle()))
    }

    /// Plans to set a property of a module.
    func replace(_ module: Module, _ key: String, by value: Any) {
        let setter = module.setters[key]
        if let setter, !setter.accepts(value) {
            return refuse(module.unableToCast(key, value))
        }
        replacements.append(Replacement(module: module, key: key, value: value, setter: setter))
    }

    func refuse(_ fault: UpdateError) { faults.append(fault) }

    /// Runs a part of the planning that a subclass may have overridden, and notes its refusal.
    func noting(_ body: () throws -> Void) rethrows {
        do {
            try body()
        } catch let fault as UpdateError {
            refuse(fault)
        }
    }

    /// Lets the update of a module below add to this plan.
    func extend(to module: Module, _ update: () throws -> Void) rethrows {
        let outer = module.enclosingPlan
        module.enclosingPlan = self
        defer { module.enclosingPlan = outer }
        try noting(update)
    }

    /// Does what was planned, or throws all faults and leaves everything as it was.
    func carryOut() throws {
        try throwFaults()
        // Properties without a wrapper first: the usual refusal comes before the first change.
        let ordered =
            replacements.filter { $0.setter == nil } + replacements.filter { $0.setter != nil }
        let before = ordered.compactMap(\.setter).map { ($0, $0.content) }
        do {
            for replacement in ordered {
                try noting {
                    try replacement.module.updateModule(key: replacement.key, replacement.value)
                }
            }
            try throwFaults()
        } catch {
            for (setter, content) in before { _ = setter.set(content) }
            throw error
        }
        for (array, value) in writes { array._updateInternal(value) }
    }

    private func throwFaults() throws {
        if let first = faults.first { throw faults.count == 1 ? first : .several(faults) }
    }
}

extension Module {
    func unableToCast(_ key: String, _ value: Any) -> UpdateError {
        .unableToCast("\(type(of: self)).\(key) does not take a \(type(of: value))")
    }
}
