import Foundation

/// Why an update of a ``Module`` was refused.
///
/// `path` holds the keys that lead to the place, `modules` the types of the modules on the way.
public enum UpdateError: Error {
    case unableToCollectModulesFromContainer(path: [String], modules: [String])
    case mismatchedContainers(base: String, key: String)
    case mismatchedSize(
        path: [String], modules: [String], expectedShape: [Int], actualShape: [Int])
    case keyNotFound(path: [String], modules: [String])
    case needModuleInfo(String)
    case unableToSet(String)
    case unableToCast(String)
    case unhandledKeys(path: [String], modules: [String], keys: [String])
    case settingArrayWithModule(path: [String], modules: [String])
    case incompatibleItems(path: [String], modules: [String], item: String, value: String)
    case unexpectedStructure(key: String, item: String)
    /// All that does not fit, where it is more than one thing.
    case several([UpdateError])
}

extension UpdateError: LocalizedError, CustomStringConvertible {
    /// The error in words; see ``description``.
    public var errorDescription: String? { description }

    /// The error in one sentence, with the dotted key and the types of the modules; of several
    /// things the first ten, and how many more there are.
    public var description: String {
        switch self {
        case .unableToCollectModulesFromContainer(let path, let modules):
            "\(place(path, modules)) holds something else than modules, so none can be replaced"
        case .mismatchedContainers(let base, let key):
            "\(base) is no container for \(key)"
        case .mismatchedSize(let path, let modules, let expected, let actual):
            "\(place(path, modules)) has the shape \(expected), got \(actual)"
        case .keyNotFound(let path, let modules):
            "\(place(path, modules)) is missing"
        case .needModuleInfo(let property):
            "\(property) cannot be replaced: declare it with @ModuleInfo"
        case .unableToSet(let property):
            "\(property) cannot be set"
        case .unableToCast(let message):
            message
        case .unhandledKeys(let path, let modules, let keys):
            "the model has no \(firstTen(keys.map { dotted(path + [$0]) }, separator: ", "))"
                + " (in \(chain(modules)))"
        case .settingArrayWithModule(let path, let modules):
            "\(place(path, modules)) is an array, got a module"
        case .incompatibleItems(let path, let modules, let item, let value):
            "\(place(path, modules)) is \(item), got \(value)"
        case .unexpectedStructure(let key, let item):
            "\(key) has an unexpected structure: \(item)"
        case .several(let errors):
            firstTen(errors.flatMap(\.single).map(\.description), separator: "; ")
        }
    }

    /// This error as errors of one key each.
    private var single: [UpdateError] {
        switch self {
        case .unhandledKeys(let path, let modules, let keys):
            keys.map { .unhandledKeys(path: path, modules: modules, keys: [$0]) }
        case .several(let errors): errors.flatMap(\.single)
        default: [self]
        }
    }

    private func firstTen(_ parts: [String], separator: String) -> String {
        let shown = parts.prefix(10).joined(separator: separator)
        return parts.count > 10 ? "\(shown) and \(parts.count - 10) more" : shown
    }

    private func place(_ path: [String], _ modules: [String]) -> String {
        "\(dotted(path)) (in \(chain(modules)))"
    }

    private func dotted(_ path: [String]) -> String { path.joined(separator: ".") }

    private func chain(_ modules: [String]) -> String { modules.joined(separator: " > ") }
}
