import MLX

extension Module {
    /// Whether an array with this key is a parameter that is trained and saved.
    public static func parameterIsValid(_ key: String) -> Bool { !key.hasPrefix("_") }

    /// Takes everything.
    public static let filterAll: @Sendable (Module, String, ModuleItem) -> Bool = { _, _, _ in true
    }

    /// Takes modules and containers.
    public static let filterValidChild: @Sendable (Module, String, ModuleItem) -> Bool = {
        switch $2 {
        case .array, .dictionary, .value(.module): true
        case .none, .value: false
        }
    }

    /// Takes parameters, and the modules and containers in which they may be.
    public static let filterValidParameters: @Sendable (Module, String, ModuleItem) -> Bool = {
        switch $2 {
        case .array, .dictionary, .value(.module), .value(.parameters): parameterIsValid($1)
        case .none, .value: false
        }
    }

    /// Takes the parameters of the module itself, not those of its children.
    public static let filterLocalParameters: @Sendable (Module, String, ModuleItem) -> Bool = {
        parameterIsValid($1) && isParameterPlace($2)
    }

    /// Takes what ``filterValidParameters`` takes, without frozen parameters.
    public static let filterTrainableParameters: @Sendable (Module, String, ModuleItem) -> Bool = {
        filterValidParameters($0, $1, $2) && !$0.noGrad().contains($1)
    }

    /// Takes what is neither a parameter nor a module.
    public static let filterOther: @Sendable (Module, String, ModuleItem) -> Bool = {
        if case .value(.other) = $2 { true } else { false }
    }

    /// Every value is a leaf, except modules.
    public static let isLeafDefault: @Sendable (Module, String, ModuleItem) -> Bool = {
        switch $2 {
        case .none, .value(.none), .value(.parameters), .value(.other): true
        case .value(.module), .array, .dictionary: false
        }
    }

    /// Every module is a leaf.
    public static let isLeafModule: @Sendable (Module, String, ModuleItem) -> Bool = {
        isLeafDefault($0, $1, $2) || $2.module != nil
    }

    /// A module without children is a leaf.
    public static let isLeafModuleNoChildren: @Sendable (Module, String, ModuleItem) -> Bool = {
        isLeafDefault($0, $1, $2)
            || $2.module.map { $0.children().flattenedValues().isEmpty } ?? false
    }

    /// A function for `filterMap` that maps parameters and drops everything else.
    public static func mapParameters<Result>(
        map: @escaping (MLXArray) -> Result? = { $0 as? Result }
    ) -> (ModuleItem) -> Result? {
        { if case .value(.parameters(let array)) = $0 { map(array) } else { nil } }
    }

    /// A function for `filterMap` that maps modules and drops everything else.
    public static func mapModule<Result>(
        map: @escaping (Module) -> Result? = { $0 as? Result }
    ) -> (ModuleItem) -> Result? {
        { $0.module.flatMap(map) }
    }

    /// A function for `filterMap` that maps other values and drops parameters and modules.
    public static func mapOther<Result>(
        map: @escaping (Any) -> Result? = { $0 as? Result }
    ) -> (ModuleItem) -> Result? {
        { if case .value(.other(let value)) = $0 { map(value) } else { nil } }
    }
}

/// Whether a place is a parameter, or a container that holds parameters and no modules.
func isParameterPlace(_ item: ModuleItem) -> Bool {
    switch item {
    case .value(.parameters): true
    case .none, .value: false
    case .array(let items): items.contains { isParameterPlace($0) }
    case .dictionary(let items): items.values.contains { isParameterPlace($0) }
    }
}
