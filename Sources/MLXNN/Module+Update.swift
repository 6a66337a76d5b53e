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

extension NestedItem where Key == String {
    /// The place with this name or position; `none` where there is no such place.
    func place(_ name: String) -> Self {
        switch self {
        case .none, .value: .none
        case .array(let items):
            Int(name).flatMap { items.indices.contains($0) ? items[$0] : nil } ?? .none
        case .dictionary(let items): items[name] ?? .none
        }
    }

    /// The names or positions of the places that are not empty and that `known` does not take.
    func names(notIn known: (String) -> Bool) -> [String] {
        let names: [String] =
            switch self {
            case .none, .value: []
            case .array(let items): items.indices.map(String.init)
            case .dictionary(let items): Array(items.keys)
            }
        return names.filter { !place($0).isNone && !known($0) }
    }

    var isNone: Bool {
        if case .none = self { true } else { false }
    }

    /// What is here, in words for an error.
    var kind: String {
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
