import MLX

/// The planning of one `update(parameters:)` of one module.
struct ParameterUpdate {
    let plan: UpdatePlan
    let verify: Module.VerifyUpdate
    let path: [String]
    let modulePath: [String]

    func add(_ parameters: ModuleParameters, to module: Module) throws {
        let (items, parameters) = (module.items().contents, parameters.contents)
        for (key, item) in items.sorted(by: { $0.key < $1.key }) {
            try add(parameters[key] ?? .none, to: item, key: key, path: path + [key], in: module)
        }
        guard verify.contains(.noUnusedKeys) else { return }
        let unused = parameters.filter { !$0.value.isNone && items[$0.key]?.isAbsent ?? true }
        refuseUnused(unused.map(\.key))
    }

    // The path is made only where it is needed: a step of an optimizer names no place.
    private func add(
        _ new: NestedItem<String, MLXArray>, to item: ModuleItem, key: String,
        path: @autoclosure () -> [String], in module: Module
    ) throws {
        switch (item, new) {
        case (.value(.parameters(let array)), .value(let value)):
            if verify.contains(.shapeMismatch), array.shape != value.shape {
                plan.refuse(
                    .mismatchedSize(
                        path: path(), modules: modulePath, expectedShape: array.shape,
                        actualShape: value.shape))
            }
            plan.write(array, value)
        case (.value(.parameters), .none):
            guard Module.parameterIsValid(key) else { return }
            try plan.noting {
                try module.updateMissing(
                    parameter: key, verify: verify, path: path(), modulePath: modulePath)
            }
        case (.value(.module(let child)), .dictionary), (.value(.module(let child)), .none):
            try plan.extend(to: child) {
                try child.update(
                    parameters: NestedDictionary(item: new), verify: verify, path: path(),
                    modulePath: modulePath)
            }
        case (.array(let items), .none), (.array(let items), .array),
            (.array(let items), .dictionary):
            let places = items.enumerated().map { (String($0), $1) }
            try add(new, toAll: places, key: key, path: path(), in: module)
        case (.dictionary(let items), .none), (.dictionary(let items), .array),
            (.dictionary(let items), .dictionary):
            let places = items.sorted { $0.key < $1.key }.map { ($0, $1) }
            try add(new, toAll: places, key: key, path: path(), in: module)
        case (.none, _), (.value(.none), _), (.value(.other), .none):
            return
        case (.value(.other), _):
            refuseUnused([key])
        case (.value(.parameters), _), (.value(.module), _), (.array, _), (.dictionary, _):
            plan.refuse(
                .incompatibleItems(
                    path: path(), modules: modulePath, item: item.kind, value: new.kind))
        }
    }

    private func add(
        _ new: NestedItem<String, MLXArray>, toAll places: [(String, ModuleItem)], key: String,
        path: [String], in module: Module
    ) throws {
        for (name, item) in places {
            try add(new.place(name), to: item, key: key, path: path + [name], in: module)
        }
        guard verify.contains(.noUnusedKeys) else { return }
        let known = Set(places.map(\.0))
        refuseUnused(new.names { known.contains($0) }, path)
    }

    private func refuseUnused(_ keys: [String], _ inner: [String]? = nil) {
        if verify.contains(.noUnusedKeys), !keys.isEmpty {
            plan.refuse(
                .unhandledKeys(path: inner ?? path, modules: modulePath, keys: keys.sorted()))
        }
    }
}
