import MLX

extension Module {
    /// The part of `filterMap` for one place; it has passed the filter already.
    @_specialize(where Result == MLXArray)
    func filterMapPlace<Result>(
        _ key: String, _ item: ModuleItem,
        filter: (Module, String, ModuleItem) -> Bool, map: (ModuleItem) -> Result?,
        isLeaf: (Module, String, ModuleItem) -> Bool
    ) -> NestedItem<String, Result> {
        if isLeaf(self, key, item) { return map(item).map { .value($0) } ?? .none }
        func inner(_ name: String, _ item: ModuleItem) -> NestedItem<String, Result> {
            let key = key + "." + name
            guard filter(self, key, item) else { return .none }
            return filterMapPlace(key, item, filter: filter, map: map, isLeaf: isLeaf)
        }
        switch item {
        case .value(.module(let module)):
            return .dictionary(
                module.filterMap(filter: filter, map: map, isLeaf: isLeaf).contents)
        case .none, .value:
            return .none
        case .array(let items):
            return .array(items.enumerated().map { inner(String($0), $1) })
        case .dictionary(let items):
            return .dictionary(
                Dictionary(uniqueKeysWithValues: items.map { ($0, inner($0, $1)) }))
        }
    }

    func changeFrozen(
        recursive: Bool, keys: [String]?, strict: Bool, below: (Module) throws -> Void
    ) throws -> Set<String> {
        let modules = recursive ? self.modules() : [self]
        if strict, let keys {
            for module in modules { try module.requireParameters(keys) }
        }
        for module in modules where module !== self { try below(module) }
        return keys.map(Set.init) ?? localParameterKeys()
    }

    private func localParameterKeys() -> Set<String> {
        Set(items().filter { isParameterPlace($0.value) }.map(\.key))
    }

    private func requireParameters(_ keys: [String]) throws {
        let present = localParameterKeys()
        for key in keys where !present.contains(key) {
            throw UpdateError.keyNotFound(path: [key], modules: ["\(type(of: self))"])
        }
    }
}
