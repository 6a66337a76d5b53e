/// A short list that lies where it is kept: most calls have one or two inputs and one result, and
/// an array each would cost more than the rest of the call.
package enum Few<Element> {
    case none
    case one(Element)
    case two(Element, Element)
    case many([Element])

    package init(_ elements: [Element]) {
        switch elements.count {
        case 0: self = .none
        case 1: self = .one(elements[0])
        case 2: self = .two(elements[0], elements[1])
        default: self = .many(elements)
        }
    }

    /// What some elements are turned into.
    @inline(__always)
    init<Source>(_ elements: [Source], _ transform: (Source) -> Element) {
        switch elements.count {
        case 0: self = .none
        case 1: self = .one(transform(elements[0]))
        case 2: self = .two(transform(elements[0]), transform(elements[1]))
        default: self = .many(elements.map(transform))
        }
    }

    /// Calls the body with each element.
    @inline(__always)
    func visit(_ body: (Element) -> Void) {
        switch self {
        case .none: break
        case .one(let element): body(element)
        case .two(let first, let second):
            body(first)
            body(second)
        case .many(let elements): for element in elements { body(element) }
        }
    }

    /// What the elements are turned into, as an array made at once.
    @inline(__always)
    func map<Result>(_ transform: (Element) -> Result) -> [Result] {
        switch self {
        case .none: []
        case .one(let element): [transform(element)]
        case .two(let first, let second): [transform(first), transform(second)]
        case .many(let elements): elements.map(transform)
        }
    }

    /// What the elements are turned into.
    @inline(__always)
    func mapped<Result>(_ transform: (Element) -> Result) -> Few<Result> {
        switch self {
        case .none: .none
        case .one(let element): .one(transform(element))
        case .two(let first, let second): .two(transform(first), transform(second))
        case .many(let elements): .many(elements.map(transform))
        }
    }
}

extension Few: RandomAccessCollection {
    package var startIndex: Int { 0 }

    package var endIndex: Int {
        switch self {
        case .none: 0
        case .one: 1
        case .two: 2
        case .many(let elements): elements.count
        }
    }

    package subscript(position: Int) -> Element {
        switch self {
        case .one(let element) where position == 0: return element
        case .two(let first, let second) where position == 0 || position == 1:
            return position == 0 ? first : second
        case .many(let elements): return elements[position]
        default: preconditionFailure("\(position) is no position of a list of \(count)")
        }
    }
}

extension Few: Sendable where Element: Sendable {}
