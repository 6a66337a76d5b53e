import MLX

/// The parameters of a module, by name, nested as the modules are.
public typealias ModuleParameters = NestedDictionary<String, MLXArray>

/// The child modules of a module, by name.
public typealias ModuleChildren = NestedDictionary<String, Module>

/// Everything that a module holds, by name.
public typealias ModuleItems = NestedDictionary<String, ModuleValue>

/// One thing that a module holds, possibly a list or a dictionary of such things.
public typealias ModuleItem = NestedItem<String, ModuleValue>

/// The base class of layers and models.
///
/// The stored properties of a subclass are found by reflection: an `MLXArray` is a parameter, a
/// `Module` is a child, and arrays, dictionaries with `String` keys and tuples of these are
/// followed. Optional properties may be nil. The name of a property is its key; ``ParameterInfo``
/// and ``ModuleInfo`` give it another. Parameters whose key begins with `_` are not trained or
/// saved.
///
/// Properties are read once, when first asked for: a plain `var` should not get another array or
/// module later. ``ParameterInfo`` and ``ModuleInfo`` properties may.
open class Module {
    /// Whether the module is in training mode (the initial one); ``Dropout`` and the like ask for
    /// it.
    public private(set) var training = true

    private var noGradKeys: Set<String> = []
    private var cachedItems: ModuleItems?

    /// The wrappers of this module's `@ModuleInfo` properties, by key.
    private(set) var setters: [String: any ModuleSetter] = [:]

    /// The plan of an update of a module above, while that update asks this module for its part.
    var enclosingPlan: UpdatePlan?

    /// The name of the module's type, as errors give it.
    private lazy var typeName = "\(type(of: self))"

    /// A module without properties.
    public init() {}

    /// Everything that this module holds, found by reflection and remembered.
    open func items() -> ModuleItems {
        if let cachedItems { return cachedItems }
        var items = ModuleItems()
        setters = [:]
        var mirror: Mirror? = Mirror(reflecting: self)
        while let current = mirror, current.subjectType != Module.self {
            for child in current.children {
                guard let (key, item) = ModuleValue.fromMirror(child) else { continue }
                items[key] = item
                if let provider = child.value as? any ModuleItemProvider { provider.owner = self }
                if let setter = child.value as? any ModuleSetter { setters[key] = setter }
            }
            mirror = current.superclassMirror
        }
        cachedItems = items
        return items
    }

    /// Forgets what ``items()`` remembers, after a property got another value.
    func forgetItems() {
        cachedItems = nil
    }

    /// What the description says about this module beside its children, usually in parentheses.
    open func describeExtra(_ indent: Int) -> String {
        let facts = items().sorted { $0.key < $1.key }.compactMap { key, item -> String? in
            switch item {
            case .value(.other(let value)): "\(key)=\(value)"
            case .value(.parameters(let array)): "\(key)=\(array.dtype)\(array.shape)"
            default: nil
            }
        }
        return facts.isEmpty ? "" : "(\(facts.joined(separator: ", ")))"
    }

    /// The keys of this module's own parameters that are frozen.
    open func noGrad() -> Set<String> { noGradKeys }

    /// Called after the frozen keys have changed.
    open func didSetNoGrad(_ noGrad: Set<String>) {}

    /// Called after the training mode has been set.
    open func didSetTrain(_ mode: Bool) {}

    /// Sets the training mode of this module and of all modules below it.
    public func train(_ mode: Bool = true) {
        visit { _, module in
            module.training = mode
            module.didSetTrain(mode)
        }
    }

    /// The tree of what `filter` takes, with `map` applied to what `isLeaf` calls a leaf.
    ///
    /// - Parameters:
    ///   - filter: tells whether to take a place, from the module, the key inside it and the place.
    ///   - map: the value for a leaf; nil leaves the place empty.
    ///   - isLeaf: tells whether to give a place to `map` rather than to go on inside it.
    @_specialize(where Result == MLXArray)
    open func filterMap<Result>(
        filter: (Module, String, ModuleItem) -> Bool,
        map: (ModuleItem) -> Result? = { $0 as? Result },
        isLeaf: (Module, String, ModuleItem) -> Bool = Module.isLeafDefault
    ) -> NestedDictionary<String, Result> {
        let items = items().contents
        var result = [String: NestedItem<String, Result>](minimumCapacity: items.count)
        for (key, item) in items where filter(self, key, item) {
            result[key] = filterMapPlace(key, item, filter: filter, map: map, isLeaf: isLeaf)
        }
        return NestedDictionary(values: result)
    }

    /// The tree of all parameters, mapped; nil leaves a place empty.
    open func mapParameters<Result>(
        map: @escaping (MLXArray) -> Result? = { $0 as? Result },
        isLeaf: (Module, String, ModuleItem) -> Bool = Module.isLeafDefault
    ) -> NestedDictionary<String, Result> {
        filterMap(
            filter: Module.filterValidParameters, map: Module.mapParameters(map: map),
            isLeaf: isLeaf)
    }

    /// All parameters of this module and of the modules below, frozen or not.
    open func parameters() -> ModuleParameters {
        filterMap(filter: Module.filterValidParameters, map: Module.mapParameters { $0 })
    }

    /// All parameters that are not frozen.
    open func trainableParameters() -> ModuleParameters {
        filterMap(filter: Module.filterTrainableParameters, map: Module.mapParameters { $0 })
    }

    /// The modules directly below this one.
    open func children() -> ModuleChildren {
        filterMap(
            filter: Module.filterValidChild, map: Module.mapModule { $0 },
            isLeaf: Module.isLeafModule)
    }

    /// The modules below this one that have no children themselves.
    open func leafModules() -> ModuleChildren {
        filterMap(
            filter: Module.filterValidChild, map: Module.mapModule { $0 },
            isLeaf: Module.isLeafModuleNoChildren)
    }

    /// Calls `visitor` with this module and all modules below, each before its children, with their
    /// dotted names; this module's own name is "".
    open func visit(modules visitor: (String, Module) throws -> Void) rethrows {
        var stack: [(String, Module)] = [("", self)]
        while let (name, module) = stack.popLast() {
            try visitor(name, module)
            let children = module.children().flattened(prefix: name.isEmpty ? nil : name)
            stack.append(contentsOf: children.reversed())
        }
    }

    /// This module and all modules below, each before its children.
    open func modules() -> [Module] { namedModules().map(\.1) }

    /// This module and all modules below with their dotted names, each before its children.
    open func namedModules() -> [(String, Module)] {
        var result: [(String, Module)] = []
        visit { result.append(($0, $1)) }
        return result
    }

    /// Writes parameters into the arrays of this module and of the modules below, in place; keys
    /// that the model lacks are ignored. A tree that does not fit the model stops the program.
    @discardableResult
    public func update(parameters: ModuleParameters) -> Self {
        do {
            return try update(parameters: parameters, verify: .none)
        } catch {
            preconditionFailure("[Module.update] \(error)")
        }
    }

    /// Writes parameters into the arrays of this module and of the modules below, in place.
    ///
    /// An ``UpdateError`` names everything that does not fit, and leaves all arrays as they were.
    ///
    /// - Parameters:
    ///   - parameters: the new values, nested as ``parameters()``; it need not be complete.
    ///   - verify: what to refuse beside a tree that does not fit the model.
    ///   - path: the keys that lead to this module; empty outside of overrides.
    ///   - modulePath: the types of the modules on the way; empty outside of overrides.
    @discardableResult
    open func update(
        parameters: ModuleParameters, verify: VerifyUpdate, path: [String] = [],
        modulePath: [String] = []
    ) throws -> Self {
        let plan = enclosingPlan ?? UpdatePlan()
        let update = ParameterUpdate(
            plan: plan, verify: verify, path: path,
            modulePath: modulePath + [typeName])
        try update.add(parameters, to: self)
        if enclosingPlan == nil { try plan.carryOut() }
        return self
    }

    /// Called for each parameter that `update(parameters:verify:)` was not given; by default an
    /// error under ``VerifyUpdate/allModelKeysSet``.
    open func updateMissing(
        parameter: String, verify: VerifyUpdate, path: [String], modulePath: [String]
    ) throws {
        if verify.contains(.allModelKeysSet) {
            throw UpdateError.keyNotFound(path: path, modules: modulePath)
        }
    }

    /// Replaces every array that `filter` takes by `map` of it, in place.
    @discardableResult
    open func apply(
        filter: (Module, String, ModuleItem) -> Bool = Module.filterValidParameters,
        map: @escaping (MLXArray) -> MLXArray
    ) -> Self {
        update(parameters: filterMap(filter: filter, map: Module.mapParameters(map: map)))
    }

    /// Replaces modules below this one, whose properties must be ``ModuleInfo``; modules that do
    /// not fit stop the program.
    @discardableResult
    public func update(modules: ModuleChildren) -> Self {
        do {
            return try update(modules: modules, verify: .none)
        } catch {
            preconditionFailure("[Module.update] \(error)")
        }
    }

    /// Replaces modules below this one, whose properties must be ``ModuleInfo``.
    ///
    /// Empty places in lists and dictionaries keep the module that is there. An ``UpdateError``
    /// names everything that does not fit, and leaves all modules as they were.
    ///
    /// - Parameters:
    ///   - modules: the new modules, nested as ``children()`` or ``leafModules()``.
    ///   - verify: with ``VerifyUpdate/noUnusedKeys``, keys that the model lacks are refused.
    ///   - path: the keys that lead to this module; empty outside of overrides.
    ///   - modulePath: the types of the modules on the way; empty outside of overrides.
    @discardableResult
    open func update(
        modules: ModuleChildren, verify: VerifyUpdate, path: [String] = [],
        modulePath: [String] = []
    ) throws -> Self {
        let plan = enclosingPlan ?? UpdatePlan()
        let update = ModuleUpdate(
            plan: plan, verify: verify, path: path,
            modulePath: modulePath + [typeName])
        try update.add(modules, to: self)
        if enclosingPlan == nil { try plan.carryOut() }
        return self
    }

    /// Sets the ``ModuleInfo`` property with this key to a module or to a container of modules.
    open func updateModule(key: String, _ value: Any) throws {
        _ = items()
        guard let setter = setters[key] else {
            throw UpdateError.needModuleInfo("\(type(of: self)).\(key)")
        }
        guard setter.set(value) else { throw unableToCast(key, value) }
    }

    /// Freezes parameters: they are no longer among ``trainableParameters()``.
    ///
    /// - Parameters:
    ///   - recursive: also in the modules below.
    ///   - keys: the names of the parameters inside each module; nil is all.
    public func freeze(recursive: Bool = true, keys: [String]? = nil) {
        do {
            try freeze(recursive: recursive, keys: keys, strict: false)
        } catch {
            preconditionFailure("[Module.freeze] \(error)")
        }
    }

    /// Freezes parameters; with `strict`, a key that a module lacks is an
    /// ``UpdateError/keyNotFound(path:modules:)``, and nothing is frozen.
    open func freeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        let own = try changeFrozen(recursive: recursive, keys: keys, strict: strict) {
            try $0.freeze(recursive: false, keys: keys, strict: strict)
        }
        noGradKeys.formUnion(own)
        didSetNoGrad(noGradKeys)
    }

    /// Lets frozen parameters be trained again.
    ///
    /// - Parameters:
    ///   - recursive: also in the modules below.
    ///   - keys: the names of the parameters inside each module; nil is all.
    public func unfreeze(recursive: Bool = true, keys: [String]? = nil) {
        do {
            try unfreeze(recursive: recursive, keys: keys, strict: false)
        } catch {
            preconditionFailure("[Module.unfreeze] \(error)")
        }
    }

    /// Lets frozen parameters be trained again; with `strict`, a key that a module lacks is an
    /// ``UpdateError/keyNotFound(path:modules:)``, and nothing is changed.
    open func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        let own = try changeFrozen(recursive: recursive, keys: keys, strict: strict) {
            try $0.unfreeze(recursive: false, keys: keys, strict: strict)
        }
        noGradKeys.subtract(own)
        didSetNoGrad(noGradKeys)
    }
}

/// A layer that maps one array to one array, as ``Sequential`` needs it.
public protocol UnaryLayer: Module {
    /// The output for the input `x`.
    func callAsFunction(_ x: MLXArray) -> MLXArray
}

extension Module: Updatable, Evaluatable {
    /// All arrays of the module and of the modules below, also those whose key begins with `_`.
    public func innerState() -> [MLXArray] {
        filterMap(filter: Module.filterAll, map: Module.mapParameters { $0 }).flattenedValues()
    }
}

extension Module: IndentedDescription {
    /// The tree of modules, one line a module, keys in ascending order.
    public func description(indent: Int) -> String {
        let head = "\(type(of: self))\(describeExtra(indent))"
        let lines = children().sorted { $0.key < $1.key }.compactMap { key, item -> String? in
            guard !item.flattenedValues().isEmpty else { return nil }
            return "\(key): \(item.description(indent: indent + 2))"
        }
        if lines.isEmpty { return head }
        let margin = String(repeating: " ", count: indent)
        let body = lines.map { "\(margin)  \($0)" }.joined(separator: ",\n")
        return "\(head) {\n\(body)\n\(margin)}"
    }
}
