/// A value made of arrays: an array, or a list or dictionary of such values.
///
/// The transforms take functions of any number of such arguments.
public protocol ArrayTree {
    /// The same value with every array replaced, in an order that depends on the value's structure
    /// alone.
    func mapArrays(_ transform: (MLXArray) -> MLXArray) -> Self
}

extension MLXArray: ArrayTree {
    /// What the array is replaced by.
    public func mapArrays(_ transform: (MLXArray) -> MLXArray) -> MLXArray { transform(self) }
}

extension Array: ArrayTree where Element: ArrayTree {
    /// The list with every array replaced.
    public func mapArrays(_ transform: (MLXArray) -> MLXArray) -> [Element] {
        map { $0.mapArrays(transform) }
    }
}

extension Optional: ArrayTree where Wrapped: ArrayTree {
    /// The value, if there is one, with every array replaced.
    public func mapArrays(_ transform: (MLXArray) -> MLXArray) -> Wrapped? {
        map { $0.mapArrays(transform) }
    }
}

extension Dictionary: ArrayTree where Key: Comparable, Value: ArrayTree {
    /// The dictionary with every array replaced, in the order of the keys.
    public func mapArrays(_ transform: (MLXArray) -> MLXArray) -> [Key: Value] {
        var result = self
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            result[key] = value.mapArrays(transform)
        }
        return result
    }
}

extension NestedDictionary: ArrayTree where Key == String, Element == MLXArray {
    /// The dictionary with every array replaced.
    public func mapArrays(_ transform: (MLXArray) -> MLXArray) -> NestedDictionary {
        replacingValues(with: flattenedValues().map(transform))
    }
}

extension ArrayTree {
    /// The arrays in their order.
    var treeArrays: [MLXArray] {
        var arrays: [MLXArray] = []
        _ = mapArrays {
            arrays.append($0)
            return $0
        }
        return arrays
    }

    /// The value with its arrays taken from the front of a list.
    func taking(from arrays: inout ArraySlice<MLXArray>) -> Self {
        mapArrays { arrays.popFirst() ?? $0 }
    }
}

/// The arguments of a function as one list of arrays, and back.
struct ArgumentPack<each Argument: ArrayTree> {
    let arguments: (repeat each Argument)

    init(_ arguments: repeat each Argument) { self.arguments = (repeat each arguments) }

    /// The arrays of all arguments.
    var arrays: [MLXArray] {
        var all: [MLXArray] = []
        for argument in repeat each arguments { all += argument.treeArrays }
        return all
    }

    /// How many arrays each argument has.
    var counts: [Int] {
        var all: [Int] = []
        for argument in repeat each arguments { all.append(argument.treeArrays.count) }
        return all
    }

    /// Arguments of the same structure with other arrays.
    func replacing(_ arrays: [MLXArray]) -> (repeat each Argument) {
        var rest = arrays[...]
        return (repeat (each arguments).taking(from: &rest))
    }
}
