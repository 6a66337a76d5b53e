import MLX

/// What a property of a module holds.
public enum ModuleValue {
    /// An optional that is nil.
    case none
    /// A parameter.
    case parameters(MLXArray)
    /// A child.
    case module(Module)
    /// Anything else; it is only described.
    case other(Any)

    /// The key and the content of one reflected property, or nil for what is no property of a
    /// module.
    public static func fromMirror(_ c: Mirror.Child) -> (String, ModuleItem)? {
        guard let label = c.label, !label.hasPrefix("$") else { return nil }
        guard let provider = c.value as? any ModuleItemProvider else {
            return (label, item(c.value))
        }
        let name = label.hasPrefix("_") ? String(label.dropFirst()) : label
        return (provider.key ?? name, item(provider.content))
    }

    /// The content of a value: a leaf, or a list or a dictionary of parameters and modules.
    static func item(_ value: Any) -> ModuleItem {
        if let array = value as? MLXArray { return .value(.parameters(array)) }
        if let module = value as? Module { return .value(.module(module)) }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional:
            return mirror.children.first.map { item($0.value) } ?? .value(.none)
        case .collection, .tuple:
            return list(mirror) ?? .value(.other(value))
        case .dictionary:
            return dictionary(value) ?? .value(.other(value))
        default:
            return .value(.other(value))
        }
    }

    private static func list(_ mirror: Mirror) -> ModuleItem? {
        var items: [ModuleItem] = []
        var holdsSomething = false
        for child in mirror.children {
            let item = item(child.value)
            if item.isOther { return nil }
            holdsSomething = holdsSomething || !item.isAbsent
            items.append(item)
        }
        return holdsSomething ? .array(items) : nil
    }

    private static func dictionary(_ value: Any) -> ModuleItem? {
        guard let values = value as? [String: Any] else { return nil }
        let items = values.mapValues { item($0) }
        let isOther = items.values.contains { $0.isOther }
        return isOther || items.values.allSatisfy { $0.isAbsent } ? nil : .dictionary(items)
    }
}

extension NestedItem where Key == String, Element == ModuleValue {
    var isOther: Bool {
        if case .value(.other) = self { true } else { false }
    }

    var isAbsent: Bool {
        if case .value(.none) = self { true } else { false }
    }

    var module: Module? {
        if case .value(.module(let module)) = self { module } else { nil }
    }
}

/// A property wrapper whose content belongs to a module.
protocol ModuleItemProvider: AnyObject {
    /// The key that replaces the property's name.
    var key: String? { get }
    /// The wrapped value; a nil optional while it is unset.
    var content: Any { get }
    /// The module that has read the content, and must read it again after a change.
    var owner: Module? { get set }
}

/// A property wrapper that takes other modules.
protocol ModuleSetter: ModuleItemProvider {
    /// Whether a value fits the property's type.
    func accepts(_ value: Any) -> Bool
    /// Sets the wrapped value if it fits the property's type, and tells whether it does.
    func set(_ value: Any) -> Bool
}

/// Gives a parameter another key than its property's name: `@ParameterInfo(key: "Wx") var wx:
/// MLXArray`.
///
/// The type is `MLXArray`, or an optional, array, tuple or `String` dictionary of it.
@propertyWrapper
public final class ParameterInfo<T>: ModuleItemProvider {
    let key: String?
    weak var owner: Module?
    private var value: T?

    /// The parameter; reading it before it was set stops the program.
    public var wrappedValue: T {
        get { valueOrNil(value, of: "@ParameterInfo", key: key) }
        set {
            value = newValue
            checkHoldsNoOther(newValue)
            owner?.forgetItems()
        }
    }

    /// A parameter with a first value; without a key it has its property's name.
    public init(wrappedValue defaultValue: T, key: String? = nil) {
        self.key = key
        value = defaultValue
        checkHoldsNoOther(defaultValue)
    }

    /// A parameter that is set later, in the initializer of its module.
    public init(key: String? = nil) {
        self.key = key
    }

    var content: Any { value as Any }

    private func checkHoldsNoOther(_ value: T) {
        precondition(
            !ModuleValue.item(value).isOther || (value as? any Collection)?.isEmpty == true,
            "[@ParameterInfo] \(T.self) holds no MLXArray")
    }
}

/// Gives a module another key than its property's name, and lets `update(modules:)` replace it:
/// `@ModuleInfo(key: "q_proj") var queryProjection: Linear`.
///
/// The type is a `Module`, or an optional, array, tuple or `String` dictionary of modules.
@propertyWrapper
public final class ModuleInfo<T>: ModuleSetter {
    let key: String?
    weak var owner: Module?
    private var value: T?

    /// The module; reading it before it was set stops the program.
    public var wrappedValue: T {
        get { valueOrNil(value, of: "@ModuleInfo", key: key) }
        set {
            value = newValue
            owner?.forgetItems()
        }
    }

    /// A module with a first value; without a key it has its property's name.
    public init(wrappedValue defaultValue: T, key: String? = nil) {
        self.key = key
        value = defaultValue
    }

    /// A module that is set later, in the initializer of the module around it.
    public init(key: String? = nil) {
        self.key = key
    }

    var content: Any { value as Any }

    func accepts(_ value: Any) -> Bool { fitting(value) != nil }

    func set(_ newValue: Any) -> Bool {
        guard let fitting = fitting(newValue) else { return false }
        wrappedValue = fitting
        return true
    }

    private func fitting(_ value: Any) -> T? { value as? T ?? tuple(value) }

    /// A list of two to five modules as the tuple that `T` is.
    private func tuple(_ value: Any) -> T? {
        guard let list = value as? [Any] else { return nil }
        return switch list.count {
        case 2: (list[0], list[1]) as? T
        case 3: (list[0], list[1], list[2]) as? T
        case 4: (list[0], list[1], list[2], list[3]) as? T
        case 5: (list[0], list[1], list[2], list[3], list[4]) as? T
        default: nil
        }
    }
}

/// The wrapped value; an optional that was never set is nil.
private func valueOrNil<T>(_ value: T?, of wrapper: String, key: String?) -> T {
    if let value { return value }
    if let optional = T.self as? any ExpressibleByNilLiteral.Type,
        let empty = optional.init(nilLiteral: ()) as? T
    {
        return empty
    }
    let name = key.map { " with the key \($0)" } ?? ""
    preconditionFailure("[\(wrapper)] a \(T.self)\(name) was read before it was set")
}
