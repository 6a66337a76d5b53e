import MLX

extension Module {
    /// What `update(parameters:verify:)` and `update(modules:verify:)` refuse.
    public struct VerifyUpdate: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int

        /// Options from their bits.
        public init(rawValue: Int) {
            self.rawValue = rawValue
        }

        /// Refuse keys that the model does not have.
        public static let noUnusedKeys = VerifyUpdate(rawValue: 1 << 0)

        /// Refuse an update that leaves out a parameter of the model.
        public static let allModelKeysSet = VerifyUpdate(rawValue: 1 << 1)

        /// Refuse arrays of another shape than the model's.
        public static let shapeMismatch = VerifyUpdate(rawValue: 1 << 2)

        /// Refuse all of that.
        public static let all = VerifyUpdate(rawValue: -1)

        /// Refuse only a tree that does not fit the model.
        public static let none = VerifyUpdate([])
    }
}

extension MLXArray {
    /// Another array with the same value now; later changes of one are not seen through the other.
    func anotherHandle() -> MLXArray {
        let handle = MLXArray(0)
        handle._updateInternal(self)
        return handle
    }
}

/// One `update(parameters:)` of one module.
struct ParameterUpdate {
    let verify: Module.VerifyUpdate
    let path: [String]
    let modulePath: [String]

    func apply(_ parameters: ModuleParameters, to module: Module) throws {
        let items = module.items()
        for (key, item) in items.sorted(by: { $0.key < $1.key }) {
            try apply(parameters[key] ?? .none, to: item, key: key, path: path + [key], in: module)
        }
        let unused = parameters.filter { !$0.value.isNone && items[$0.key]?.isAbsent ?? true }
        try refuseUnused(unused.map(\.key))
    }

    private func apply(
        _ new: NestedItem<String, MLXArray>, to item: ModuleItem, key: String, path: [String],
        in module: Module
    ) throws {
        switch (item, new) {
        case (.value(.parameters(let array)), .value(let value)):
            if verify.contains(.shapeMismatch), array.shape != value.shape {
                throw UpdateError.mismatchedSize(
                    path: path, modules: modulePath, expectedShape: array.shape,
                    actualShape: value.shape)
            }
            array._updateInternal(value)
        case (.value(.parameters), .none):
            guard Module.parameterIsValid(key) else { return }
            try module.updateMissing(
                parameter: key, verify: verify, path: path, modulePath: modulePath)
        case (.value(.module(let child)), .dictionary), (.value(.module(let child)), .none):
            try child.update(
                parameters: NestedDictionary(item: new), verify: verify, path: path,
                modulePath: modulePath)
        case (.array(let items), .none), (.array(let items), .array),
            (.array(let items), .dictionary):
            let places = items.enumerated().map { (String($0), $1) }
            try apply(new, toAll: places, key: key, path: path, in: module)
        case (.dictionary(let items), .none), (.dictionary(let items), .array),
            (.dictionary(let items), .dictionary):
            let places = items.sorted { $0.key < $1.key }.map { ($0, $1) }
            try apply(new, toAll: places, key: key, path: path, in: module)
        case (.none, _), (.value(.none), _), (.value(.other), .none):
            return
        case (.value(.other), _):
            try refuseUnused([key])
        case (.value(.parameters), _), (.value(.module), _), (.array, _), (.dictionary, _):
            throw UpdateError.incompatibleItems(
                path: path, modules: modulePath, item: item.kind, value: new.kind)
        }
    }

    private func apply(
        _ new: NestedItem<String, MLXArray>, toAll places: [(String, ModuleItem)], key: String,
        path: [String], in module: Module
    ) throws {
        for (name, item) in places {
            try apply(new.place(name), to: item, key: key, path: path + [name], in: module)
        }
        let known = Set(places.map(\.0))
        try refuseUnused(new.names { known.contains($0) }, path)
    }

    private func refuseUnused(_ keys: [String], _ inner: [String]? = nil) throws {
        if verify.contains(.noUnusedKeys), !keys.isEmpty {
            throw UpdateError.unhandledKeys(
                path: inner ?? path, modules: modulePath, keys: keys.sorted())
        }
    }
}

/// One `update(modules:)` of one module.
struct ModuleUpdate {
    let verify: Module.VerifyUpdate
    let path: [String]
    let modulePath: [String]

    func apply(_ modules: ModuleChildren, to module: Module) throws {
        let items = module.items()
        for (key, new) in modules.sorted(by: { $0.key < $1.key }) where !new.isNone {
            guard let item = items[key] else {
                if verify.contains(.noUnusedKeys) {
                    throw UpdateError.unhandledKeys(
                        path: path, modules: modulePath, keys: [key])
                }
                continue
            }
            if let replacement = try replacement(of: item, by: new, path: path + [key]) {
                try module.updateModule(key: key, replacement)
            }
        }
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
            try child.update(
                modules: NestedDictionary(values: values), verify: verify, path: path,
                modulePath: modulePath)
            return nil
        case (.array(let items), .array), (.array(let items), .dictionary):
            try refuseUnused(
                new.names { Int($0).map { items.indices.contains($0) } ?? false }, path)
            let contents = try items.enumerated().map { index, item in
                try content(of: item, by: new.place(String(index)), path: path + [String(index)])
            }
            return contents.contains { $0.isNew } ? contents.map(\.value) : nil
        case (.dictionary(let items), .array), (.dictionary(let items), .dictionary):
            try refuseUnused(new.names { items[$0] != nil }, path)
            let contents = try Dictionary(
                uniqueKeysWithValues: items.map { name, item in
                    (name, try content(of: item, by: new.place(name), path: path + [name]))
                })
            return contents.values.contains { $0.isNew } ? contents.mapValues(\.value) : nil
        case (.value(.parameters), _):
            throw UpdateError.settingArrayWithModule(path: path, modules: modulePath)
        case (.none, _), (.value, _), (.array, _), (.dictionary, _):
            throw UpdateError.incompatibleItems(
                path: path, modules: modulePath, item: item.kind, value: new.kind)
        }
    }

    private func content(
        of item: ModuleItem, by new: NestedItem<String, Module>, path: [String]
    ) throws -> (value: Any, isNew: Bool) {
        if let new = try replacement(of: item, by: new, path: path) { return (new, true) }
        return (try present(item, path), false)
    }

    /// What a place holds now, as it goes into an array or a dictionary of modules.
    private func present(_ item: ModuleItem, _ path: [String]) throws -> Any {
        switch item {
        case .value(.module(let module)): return module
        case .array(let items): return try items.map { try present($0, path) }
        case .dictionary(let items): return try items.mapValues { try present($0, path) }
        case .value(.none): return Module?.none as Any
        case .none, .value:
            throw UpdateError.unableToCollectModulesFromContainer(path: path, modules: modulePath)
        }
    }

    private func refuseUnused(_ keys: [String], _ path: [String]) throws {
        if verify.contains(.noUnusedKeys), !keys.isEmpty {
            throw UpdateError.unhandledKeys(path: path, modules: modulePath, keys: keys.sorted())
        }
    }
}

extension NestedItem where Key == String {
    /// The place with this name or position; `none` where there is no such place.
    fileprivate func place(_ name: String) -> Self {
        switch self {
        case .none, .value: .none
        case .array(let items):
            Int(name).flatMap { items.indices.contains($0) ? items[$0] : nil } ?? .none
        case .dictionary(let items): items[name] ?? .none
        }
    }

    /// The names or positions of the places that are not empty and that `known` does not take.
    fileprivate func names(notIn known: (String) -> Bool) -> [String] {
        let names: [String] =
            switch self {
            case .none, .value: []
            case .array(let items): items.indices.map(String.init)
            case .dictionary(let items): Array(items.keys)
            }
        return names.filter { !place($0).isNone && !known($0) }
    }

    fileprivate var isNone: Bool {
        if case .none = self { true } else { false }
    }

    /// What is here, in words for an error.
    fileprivate var kind: String {
        switch self {
        case .none: "nothing"
        case .value(let element):
            switch element as Any {
            case ModuleValue.parameters, is MLXArray: "an array"
            case ModuleValue.module(let module): "a \(type(of: module))"
            case let module as Module: "a \(type(of: module))"
            default: "another value"
            }
        case .array: "a list"
        case .dictionary: "a dictionary"
        }
    }
}
