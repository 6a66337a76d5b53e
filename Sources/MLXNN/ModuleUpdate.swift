import MLX

/// The planning of one `update(modules:)` of one module.
struct ModuleUpdate {
    let plan: UpdatePlan
    let verify: Module.VerifyUpdate
    let path: [String]
    let modulePath: [String]

    func add(_ modules: ModuleChildren, to module: Module) throws {
        let items = module.items()
        for (key, new) in modules.sorted(by: { $0.key < $1.key }) {
            guard let item = items[key], !new.isNone else { continue }
            if let replacement = try replacement(of: item, by: new, path: path + [key]) {
                plan.replace(module, key, by: replacement)
            }
        }
        refuseUnused(modules.filter { !$0.value.isNone && items[$0.key] == nil }.map(\.key), path)
    }

    /// The new content of a place, or nil where what is there stays (and was changed inside).
    private func replacement(
        of item: ModuleItem, by new: NestedItem<String, Module>, path: [String]
    ) throws -> Any? {
        switch (item, new) {
        case (_, .none):
            return nil
        case (.value(.module), .value(let module)), (.value(.none), .value(let module)):
            return module
        case (.value(.module(let child)), .dictionary(let values)):
            try plan.extend(to: child) {
                try child.update(
                    modules: NestedDictionary(values: values), verify: verify, path: path,
                    modulePath: modulePath)
            }
            return nil
        case (.array(let items), .array), (.array(let items), .dictionary):
            refuseUnused(
                new.names { Int($0).map { items.indices.contains($0) } ?? false }, path)
            let contents = try items.enumerated().map { index, item in
                try content(of: item, by: new.place(String(index)), path: path + [String(index)])
            }
            return contents.contains { $0.isNew } ? contents.map(\.value) : nil
        case (.dictionary(let items), .array), (.dictionary(let items), .dictionary):
            refuseUnused(new.names { items[$0] != nil }, path)
            let contents = try Dictionary(
                uniqueKeysWithValues: items.map { name, item in
                    (name, try content(of: item, by: new.place(name), path: path + [name]))
                })
            return contents.values.contains { $0.isNew } ? contents.mapValues(\.value) : nil
        case (.value(.parameters), _):
            plan.refuse(.settingArrayWithModule(path: path, modules: modulePath))
        case (.none, _), (.value, _), (.array, _), (.dictionary, _):
            plan.refuse(
                .incompatibleItems(
                    path: path, modules: modulePath, item: item.kind, value: new.kind))
        }
        return nil
    }

    private func content(
        of item: ModuleItem, by new: NestedItem<String, Module>, path: [String]
    ) throws -> (value: Any, isNew: Bool) {
        if let new = try replacement(of: item, by: new, path: path) { return (new, true) }
        return (present(item, path), false)
    }

    /// What a place holds now, as it goes into an array or a dictionary of modules.
    private func present(_ item: ModuleItem, _ path: [String]) -> Any {
        switch item {
        case .value(.module(let module)): return module
        case .array(let items): return items.map { present($0, path) }
        case .dictionary(let items): return items.mapValues { present($0, path) }
        case .value(.none): return Module?.none as Any
        case .none, .value:
            plan.refuse(.unableToCollectModulesFromContainer(path: path, modules: modulePath))
            return Module?.none as Any
        }
    }

    private func refuseUnused(_ keys: [String], _ path: [String]) {
        if verify.contains(.noUnusedKeys), !keys.isEmpty {
            plan.refuse(.unhandledKeys(path: path, modules: modulePath, keys: keys.sorted()))
        }
    }
}
